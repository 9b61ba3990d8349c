"""DiT: images as patches through a Transformer whose every block the time may switch off.

    h <- h + g_1 attention(norm(h) (1 + s_1) + b_1),    h <- h + g_2 mlp(norm(h) (1 + s_2) + b_2)
    (b_1, s_1, g_1, b_2, s_2, g_2) = W silu(e(t, y)),    W = 0 at the start (adaLN-zero)

At the start every gate g is 0, so a block of any depth is the identity and the output is 0: what
the zero convolutions do in a U-Net. The norms have no weights of their own; positions are told by
fixed sines of row and column.

Scalable Diffusion Models with Transformers (Peebles & Xie, 2023), arXiv:2212.09748, section 3.2,
figure 3.
Differs from the paper: positions are counted for any size of image; the embedding of time is as
wide as the blocks, and is our U-Net's.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..core.blueprint import Component
from ..core.catalogue import system
from ..core.given import Given
from ..core.spaces import count
from .embedding import Embedding, sinusoidal


def positions(rows: int, columns: int, width: int, like: Tensor) -> Tensor:
    """Sines of the row in one half of `width` (a multiple of 4), of the column in the other.

    Of shape (rows columns, width), in rows.
    """

    def half(n: int) -> Tensor:
        # `sinusoidal` counts in thousandths.
        return sinusoidal(torch.arange(n, device=like.device, dtype=like.dtype) / 1000, width // 2)

    row = half(rows)[:, None].expand(-1, columns, -1)
    column = half(columns)[None].expand(rows, -1, -1)
    return torch.cat([row, column], -1).flatten(0, 1)


def modulated(h: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
    """`h` (batch, length, width) without mean and deviation, then with those of the vectors."""
    return F.layer_norm(h, h.shape[-1:], eps=1e-6) * (1 + scale[:, None]) + shift[:, None]


class DiTBlock(nn.Module):
    """(batch, length, width) and vectors (batch, width) -> (batch, length, width)."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.enter, self.leave = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU("tanh"), nn.Linear(4 * width, width)
        )
        self.modulation = _zero(nn.Linear(width, 6 * width))

    def attention(self, h: Tensor) -> Tensor:
        """Every place sees every place."""
        qkv = self.enter(h).unflatten(-1, (3, self.heads, -1)).unbind(-3)
        q, k, v = (part.transpose(1, 2) for part in qkv)
        return self.leave(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))

    def forward(self, h: Tensor, e: Tensor) -> Tensor:
        """`h` plus what attention and perceptron add, as the vectors let them."""
        b1, s1, g1, b2, s2, g2 = self.modulation(e).chunk(6, dim=-1)
        h = h + g1[:, None] * self.attention(modulated(h, b1, s1))
        return h + g2[:, None] * self.mlp(modulated(h, b2, s2))


class DiT(Component):
    """Images (batch, channels, h, w), times (batch,) -> (batch, outputs, h, w).

    Fits wherever `UNet` does.

    Args:
        channels: of the input.
        outputs: channels of the output; None is `channels`.
        patch: side of the square patches that are the Transformer's places.
        width: features of a place; a multiple of 4 and of `heads`.
        layers: blocks.
        heads: of the attention.
        classes: how many classes `y` may name; 0 takes no `y`.
        context: length of a vector that is told after the class; 0 is none.
    """

    def __init__(
        self,
        channels: int,
        outputs: int | None = None,
        patch: int = 4,
        width: int = 128,
        layers: int = 6,
        heads: int = 4,
        classes: int = 0,
        context: int = 0,
    ):
        super().__init__()
        self.patch, self.outputs = count("patch", patch), outputs or channels
        if count("width", width) % 4 or width % count("heads", heads):
            raise ValueError(
                f"width must be a multiple of 4 and of heads, not {width} with {heads} heads"
            )
        self.embed = Embedding(width, classes, context)
        self.enter = nn.Conv2d(count("channels", channels), width, patch, stride=patch)
        self.blocks = nn.ModuleList(DiTBlock(width, heads) for _ in range(count("layers", layers)))
        self.modulation = _zero(nn.Linear(width, 2 * width))
        self.leave = _zero(nn.Linear(width, self.outputs * patch**2))

    @property
    def given(self) -> Given:
        """What it is told beside the time."""
        return self.embed.given

    def forward(self, x: Tensor, t: Tensor, *conditions: Tensor) -> Tensor:
        """The outputs for the float images `x` at times `t` in [0, 1].

        Raises ValueError for sides that the patches do not divide.
        """
        if x.shape[-2] % self.patch or x.shape[-1] % self.patch:
            raise ValueError(
                f"patches of side {self.patch} do not divide images of {x.shape[-2]}x{x.shape[-1]}:"
                " choose a patch that divides both sides"
            )
        h = self.enter(x)
        rows, columns = h.shape[-2:]
        h = h.flatten(2).transpose(1, 2) + positions(rows, columns, h.shape[1], h)
        e = F.silu(self.embed(t, *conditions))
        for block in self.blocks:
            h = block(h, e)
        h = self.leave(modulated(h, *self.modulation(e).chunk(2, dim=-1)))
        # As F.pixel_shuffle has it, whose gradient fails where there are no images.
        h = h.unflatten(1, (rows, columns)).unflatten(3, (self.outputs, self.patch, self.patch))
        return h.permute(0, 3, 1, 4, 2, 5).flatten(4).flatten(2, 3)


def _zero(layer: nn.Linear) -> nn.Linear:
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


system(
    "dit",
    lecture=13,
    title="Diffusion Transformer",
    paper="Peebles & Xie, 2023, arXiv:2212.09748",
)
