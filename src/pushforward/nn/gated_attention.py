"""The conditioner of Flow++: gated convolutions and self-attention over all places.

Flow++ (Ho et al., 2019), arXiv:1902.00275, section 3.3.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..core.blueprint import Component
from ..core.spaces import count


def _concat_elu(h: Tensor) -> Tensor:
    return F.elu(torch.cat([h, -h], 1))


class _Norm(nn.LayerNorm):
    """Layer normalisation over the channels at each place."""

    def forward(self, h: Tensor) -> Tensor:
        return super().forward(h.movedim(1, -1)).movedim(-1, 1)


class _Gate(nn.Module):
    """norm(h + a * sigmoid(b)) for (a, b) from a block's output."""

    def __init__(self, width: int):
        super().__init__()
        self.split = nn.Conv2d(width, 2 * width, 1)
        self.norm = _Norm(width)

    def forward(self, h: Tensor, out: Tensor) -> Tensor:
        a, b = self.split(out).chunk(2, 1)
        return self.norm(h + a * torch.sigmoid(b))


class _Attention(nn.Module):
    """Every place sees every place; places are told apart by a learned embedding of their sines."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.places = nn.Conv2d(4, width, 1)
        self.queries = nn.Conv2d(width, 3 * width, 1, bias=False)
        self.leave = nn.Conv2d(width, width, 1)

    def forward(self, h: Tensor) -> Tensor:
        qkv = self.queries(h + self.places(_waves(h))).flatten(2).unflatten(1, (3, self.heads, -1))
        q, k, v = qkv.transpose(-1, -2).unbind(1)  # (batch, heads, places, width / heads)
        seen = F.scaled_dot_product_attention(q, k, v)
        return self.leave(seen.transpose(-1, -2).flatten(1, 2).view_as(h))


def _waves(h: Tensor) -> Tensor:
    """Sine and cosine of half a turn along each side, (1, 4, height, width)."""
    rows, columns = (torch.linspace(0, torch.pi, n).to(h) for n in h.shape[2:])
    waves = [
        f(t) for t in torch.meshgrid(rows, columns, indexing="ij") for f in (torch.sin, torch.cos)
    ]
    return torch.stack(waves)[None]


class GatedAttentionNet(Component):
    """Maps (batch, inputs, h, w) -> (batch, outputs, h, w); the outputs start at zero.

    Args:
        inputs, outputs: channels.
        width: channels within, a multiple of `heads`.
        blocks: pairs of a gated convolution and an attention.
        heads: of the attention.
    """

    def __init__(
        self, inputs: int, outputs: int, width: int = 96, blocks: int = 10, heads: int = 4
    ):
        super().__init__()
        if width % count("heads", heads):
            raise ValueError(f"width {width} is not a multiple of {heads} heads")
        self.enter = nn.Conv2d(inputs, width, 3, padding=1)
        blocks = count("blocks", blocks)
        self.convs = nn.ModuleList(nn.Conv2d(2 * width, width, 3, padding=1) for _ in range(blocks))
        self.attentions = nn.ModuleList(_Attention(width, heads) for _ in range(blocks))
        self.gates = nn.ModuleList(_Gate(width) for _ in range(2 * blocks))
        self.leave = nn.Conv2d(width, outputs, 3, padding=1)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        """The outputs for `x`."""
        h = self.enter(x)
        for i, (conv, attention) in enumerate(zip(self.convs, self.attentions)):
            h = self.gates[2 * i](h, conv(_concat_elu(h)))
            h = self.gates[2 * i + 1](h, attention(h))
        return self.leave(h)
