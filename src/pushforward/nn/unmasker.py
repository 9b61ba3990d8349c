"""A Transformer that sees both ways and says what stands where a mask hides it.

Places are embedded, numbered by a learned table, and pass through the blocks of `DiT`: what the
network is told (nothing, a class, a vector) shifts, scales and gates them. How much is masked can
be seen, so it is told no time.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..core.blueprint import Component
from ..core.given import Given
from ..core.spaces import count
from .dit import DiTBlock, modulated
from .embedding import Told


class Unmasker(Component):
    """Places (batch, length), int64 in 0 .. levels (which is the mask) -> (batch, length, levels).

    Args:
        length: places.
        levels: how many values a place can have.
        width: features of a place; a multiple of `heads`.
        layers: blocks.
        heads: of the attention.
        classes: how many classes `y` may name; 0 takes no `y`.
        context: length of a vector that is told after the class; 0 is none.
    """

    def __init__(
        self,
        length: int,
        levels: int,
        width: int = 128,
        layers: int = 4,
        heads: int = 4,
        classes: int = 0,
        context: int = 0,
    ):
        super().__init__()
        if count("width", width) % count("heads", heads):
            raise ValueError(f"width must be a multiple of heads: {width} is none of {heads}")
        self.length, self.levels = count("length", length), count("levels", levels)
        self.embedding = nn.Embedding(levels + 1, width)
        self.positions = nn.Parameter(torch.randn(length, width) * 0.02)
        nn.init.normal_(self.embedding.weight, std=0.02)
        self.told = Told(width, classes, context)
        self.start = nn.Parameter(torch.randn(width) * 0.02)
        self.blocks = nn.ModuleList(DiTBlock(width, heads) for _ in range(count("layers", layers)))
        self.modulation = nn.Linear(width, 2 * width)
        self.leave = nn.Linear(width, levels)
        for layer in (self.modulation, self.leave):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    @property
    def given(self) -> Given:
        """What it is told."""
        return self.told.given

    def forward(self, x: Tensor, *conditions: Tensor) -> Tensor:
        """Logits of what stands at each place."""
        h = self.embedding(x) + self.positions
        e = F.silu(self.told.added(self.start.expand(len(x), -1), *conditions))
        for block in self.blocks:
            h = block(h, e)
        return self.leave(modulated(h, *self.modulation(e).chunk(2, dim=-1)))
