"""U-Net with a time embedding: images to images, of any size and any number of channels.

Each resolution halves the last (rounded up); on the way back every feature map is resized to the
skip connection that it meets, so that 8, 28 and 32 pixels need no padding and no network of their
own. Residual blocks take the time as scale and shift after a group norm; the last convolution of
every block, and of the network, starts at zero.

U-Net: Convolutional Networks for Biomedical Image Segmentation (Ronneberger et al., 2015),
arXiv:1505.04597; with residual blocks, attention and time as in DDPM (Ho et al., 2020),
arXiv:2006.11239, appendix B, and adaptive group norm as in Improved DDPM (Nichol & Dhariwal,
2021), arXiv:2102.09672, section 3.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..core.blueprint import Component
from ..core.given import Given
from ..core.spaces import count
from .embedding import Embedding


def _norm(channels: int) -> nn.GroupNorm:
    return nn.GroupNorm(math.gcd(channels, 8 if channels < 64 else 32), channels)


def _zero(layer: nn.Conv2d) -> nn.Conv2d:
    nn.init.zeros_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


class ResidualBlock(nn.Module):
    """(batch, inputs, h, w) and time vectors (batch, embedding) -> (batch, outputs, h, w)."""

    def __init__(self, inputs: int, outputs: int, embedding: int, dropout: float = 0.0):
        super().__init__()
        self.before, self.after = _norm(inputs), _norm(outputs)
        self.first = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.second = _zero(nn.Conv2d(outputs, outputs, 3, padding=1))
        self.time = nn.Linear(embedding, 2 * outputs)
        self.dropout = nn.Dropout(dropout)
        self.skip = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()

    def forward(self, x: Tensor, e: Tensor) -> Tensor:
        """`x` plus what the two convolutions add."""
        scale, shift = self.time(e)[:, :, None, None].chunk(2, dim=1)
        h = self.after(self.first(F.silu(self.before(x)))) * (1 + scale) + shift
        return self.skip(x) + self.second(self.dropout(F.silu(h)))


class Attention2d(nn.Module):
    """Self-attention of the pixels of a small feature map, with a residual connection."""

    def __init__(self, channels: int, heads: int):
        super().__init__()
        self.heads = math.gcd(channels, heads)
        self.norm = _norm(channels)
        self.enter = nn.Conv2d(channels, 3 * channels, 1)
        self.leave = _zero(nn.Conv2d(channels, channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, h, w) of the same shape."""
        qkv = self.enter(self.norm(x)).flatten(2).unflatten(1, (3, self.heads, -1))
        q, k, v = qkv.transpose(-1, -2).unbind(1)
        h = F.scaled_dot_product_attention(q, k, v).transpose(-1, -2)
        return x + self.leave(h.reshape(x.shape))


class Layer(nn.Module):
    """A residual block, followed by attention where there is one."""

    def __init__(self, block: ResidualBlock, attention: Attention2d | None):
        super().__init__()
        self.block, self.attention = block, attention

    def forward(self, x: Tensor, e: Tensor) -> Tensor:
        """The feature maps for `x` at times with the vectors `e`."""
        h = self.block(x, e)
        return h if self.attention is None else self.attention(h)


class Resolution(nn.Module):
    """Blocks at one size around the next smaller size, whose input they skip."""

    def __init__(
        self,
        inputs: int,
        widths: Sequence[int],
        blocks: int,
        attention: int,
        block: Callable[[int, int], ResidualBlock],
        attend: Callable[[int], Attention2d],
    ):
        super().__init__()
        width, *deeper = widths

        def layer(a: int) -> Layer:
            return Layer(block(a, width), attend(width) if len(widths) <= attention else None)

        self.down = nn.ModuleList(layer(a) for a in [inputs, *[width] * (blocks - 1)])
        self.up = nn.ModuleList(layer(2 * width) for _ in range(blocks))
        self.narrow = nn.Conv2d(width, width, 3, stride=2, padding=1) if deeper else None
        self.widen = nn.Conv2d(deeper[0], width, 3, padding=1) if deeper else None
        self.inner: nn.Module = (
            Resolution(width, deeper, blocks, attention, block, attend)
            if deeper
            else Layer(block(width, width), attend(width))
        )

    def forward(self, x: Tensor, e: Tensor) -> Tensor:
        """(batch, inputs, h, w) -> (batch, widths[0], h, w)."""
        skips = []
        for layer in self.down:
            x = layer(x, e)
            skips.append(x)
        if self.narrow is None or self.widen is None:
            x = self.inner(x, e)
        else:
            x = self.widen(F.interpolate(self.inner(self.narrow(x), e), x.shape[-2:]))
        for layer in self.up:
            x = layer(torch.cat([x, skips.pop()], dim=1), e)
        return x


class UNet(Component):
    """Images (batch, channels, h, w), times (batch,) -> (batch, outputs, h, w).

    Args:
        channels: of the input.
        outputs: channels of the output; None is `channels`.
        width: feature channels at full size.
        multipliers: of the width, one for each resolution.
        blocks: residual blocks for each resolution on the way down, and as many on the way up.
        attention: how many of the smallest resolutions attend to themselves.
        heads: of the attention.
        dropout: within the residual blocks.
        classes: how many classes `y` may name; 0 takes no `y`.
        context: length of a vector that is told after the class; 0 is none.
    """

    def __init__(
        self,
        channels: int,
        outputs: int | None = None,
        width: int = 64,
        multipliers: Sequence[int] = (1, 2, 2),
        blocks: int = 2,
        attention: int = 1,
        heads: int = 4,
        dropout: float = 0.0,
        classes: int = 0,
        context: int = 0,
    ):
        super().__init__()
        widths = [count("width", width, 2) * m for m in multipliers]

        def block(a: int, b: int) -> ResidualBlock:
            return ResidualBlock(a, b, 4 * width, dropout)

        def attend(a: int) -> Attention2d:
            return Attention2d(a, heads)

        self.embed = Embedding(4 * width, classes, context)
        self.enter = nn.Conv2d(count("channels", channels), width, 3, padding=1)
        self.body = Resolution(width, widths, count("blocks", blocks), attention, block, attend)
        self.norm = _norm(widths[0])
        self.leave = _zero(nn.Conv2d(widths[0], outputs or channels, 3, padding=1))

    @property
    def given(self) -> Given:
        """What it is told beside the time."""
        return self.embed.given

    def forward(self, x: Tensor, t: Tensor, *conditions: Tensor) -> Tensor:
        """The outputs for the float images `x` at times `t` in [0, 1]."""
        h = self.body(self.enter(x), F.silu(self.embed(t, *conditions)))
        return self.leave(F.silu(self.norm(h)))
