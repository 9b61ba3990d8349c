"""A causal U-net of two streams: rows above, and all before; halved and doubled with shortcuts.

The stream u at a pixel sees the rows above it, the stream s (above and to the left) all pixels
before it. Convolutions of u are 2x3 (a row and the one above it), those of s 2x2. Every layer on
the way up hands its output to its mirror image on the way down.

PixelCNN++ (Salimans, Karpathy, Chen & Kingma, 2017), arXiv:1701.05517, sections 2.3-2.5, figure 2.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..core.blueprint import Component
from .weight_norm import WeightNormConv

U, S = 0, 1  # the two streams
KERNEL = ((2, 3), (2, 2))
PAD = ((1, 1, 1, 0), (1, 0, 1, 0))
CROP = ((-1, 0, 0, 0), (0, 0, 0, 0))  # of the transposed convolutions


def concat_elu(x: Tensor, dim: int = 1) -> Tensor:
    """ELU of x and of -x, side by side (section 2.6 of the official code's layers)."""
    return F.elu(torch.cat([x, -x], dim))


class GatedResidual(Component):
    """x + a o sigma(b), where a, b come by two convolutions, a shortcut and what is told.

    Args:
        width: features.
        stream: U or S, which convolutions.
        shortcut: features of what is handed over; 0 is nothing.
        context: length of the vector that is told; 0 is none.
        dropout: in training, between the two convolutions.
    """

    def __init__(self, width: int, stream: int, shortcut: int, context: int, dropout: float):
        super().__init__()
        kernel, pad = KERNEL[stream], PAD[stream]
        self.first = WeightNormConv(2 * width, width, kernel, pad)
        self.shortcut = WeightNormConv(2 * shortcut, width) if shortcut else None
        self.second = WeightNormConv(2 * width, 2 * width, kernel, pad, scale=0.1)
        self.told = nn.Linear(context, 2 * width, bias=False) if context else None
        self.drop = nn.Dropout2d(dropout)  # not in the paper: whole feature maps
        if self.told is not None:
            nn.init.normal_(self.told.weight, std=0.05)

    def forward(self, x: Tensor, handed: Tensor | None, c: Tensor | None) -> Tensor:
        """The stream (batch, width, height, width) after this layer."""
        inner = self.first(concat_elu(x))
        if self.shortcut is not None and handed is not None:
            inner = inner + self.shortcut(concat_elu(handed))
        both = self.second(self.drop(concat_elu(inner)))
        if self.told is not None:
            both = both + self.told(c)[:, :, None, None]
        a, b = both.chunk(2, 1)
        return x + a * b.sigmoid()


class Level(Component):
    """One resolution on the way up and down, and the coarser ones within it.

    Args:
        width: features of each stream.
        layers: residual layers on the way up.
        halvings: how many coarser levels there are.
        context: length of the vector that is told; 0 is none.
        dropout: in training.
    """

    up: Sequence[Sequence[GatedResidual]]
    down: Sequence[Sequence[GatedResidual]]

    def __init__(self, width: int, layers: int, halvings: int, context: int, dropout: float):
        super().__init__()

        def pair(u: int, s: int) -> nn.ModuleList:
            given = ((U, u), (S, s))
            return nn.ModuleList(
                GatedResidual(width, k, many, context, dropout) for k, many in given
            )

        self.layers, self.inner = layers, None
        self.up = nn.ModuleList(pair(0, width) for _ in range(layers))  # type: ignore[assignment]
        downs = layers + (halvings > 0)
        self.down = nn.ModuleList(pair(width, 2 * width) for _ in range(downs))  # type: ignore[assignment]
        if halvings:
            self.shrink = nn.ModuleList(
                WeightNormConv(width, width, KERNEL[k], PAD[k], stride=2) for k in (U, S)
            )
            self.inner = Level(width, layers, halvings - 1, context, dropout)
            self.grow = nn.ModuleList(
                WeightNormConv(width, width, KERNEL[k], CROP[k], grow=True) for k in (U, S)
            )

    def forward(self, u: Tensor, s: Tensor, c: Tensor | None) -> tuple[Tensor, Tensor]:
        """Both streams (batch, width, height, width) after this level."""
        handed = [(u, s)]
        for up_u, up_s in self.up:
            u = up_u(u, None, c)
            s = up_s(s, u, c)
            handed.append((u, s))
        if self.inner is None:
            handed.pop()
        else:
            u, s = self.inner(self.shrink[U](u), self.shrink[S](s), c)
            u, s = self.grow[U](u), self.grow[S](s)
        for down_u, down_s in self.down:
            skip_u, skip_s = handed.pop()
            u = down_u(u, skip_u, c)
            s = down_s(s, torch.cat([u, skip_s], 1), c)
        return u, s
