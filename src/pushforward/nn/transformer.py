"""A decoder-only Transformer: causal attention and perceptrons on a residual stream.

    h <- h + attention(norm(h)),    h <- h + mlp(norm(h))

Normalisation stands before each part (GPT-2, Radford et al., 2019, section 2.3), and the parts that
write to the stream start at 1 / sqrt(2 layers) of the usual scale.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor, nn

from ..core.blueprint import Component
from ..core.spaces import count
from .attention import CausalAttention, Memory

Mask = Tensor | Sequence[Tensor] | None


class Block(Component):
    """One layer: attention, then a perceptron four times as wide."""

    def __init__(self, width: int, heads: int, dropout: float = 0.0):
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2))
        self.attention = CausalAttention(width, heads, dropout)
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU("tanh"), nn.Linear(4 * width, width)
        )
        self.drop = nn.Dropout(dropout)

    def forward(self, h: Tensor, mask: Tensor | None = None) -> Tensor:
        """The stream (batch, length, width) after this layer."""
        h = h + self.drop(self.attention(self.norms[0](h), mask))
        return h + self.drop(self.mlp(self.norms[1](h)))

    def step(self, h: Tensor, memory: Memory, mask: Tensor | None = None) -> Tensor:
        """The next positions (batch, new, width) after this layer."""
        h = h + self.attention.step(self.norms[0](h), memory, mask)
        return h + self.mlp(self.norms[1](h))


class CausalTransformer(Component):
    """(batch, length, width) -> the same shape: position i depends on positions 0 .. i.

    Args:
        width: features of a position.
        layers: blocks.
        heads: attention heads in each; they divide `width`.
        dropout: in training, of attention weights and of what is written to the stream.
    """

    blocks: Sequence[Block]

    def __init__(self, width: int, layers: int, heads: int, dropout: float = 0.0):
        super().__init__()
        blocks = [Block(width, heads, dropout) for _ in range(count("layers", layers))]
        self.blocks = nn.ModuleList(blocks)  # type: ignore[assignment]
        self.norm = nn.LayerNorm(width)
        for name, p in self.named_parameters():
            if name.endswith("weight") and p.dim() == 2:
                writes = name.endswith(("leave.weight", "mlp.2.weight"))
                nn.init.normal_(p, std=0.02 / math.sqrt(2 * layers) if writes else 0.02)
            elif name.endswith("bias"):
                nn.init.zeros_(p)

    def forward(self, h: Tensor, mask: Mask = None) -> Tensor:
        """All positions at once; `mask` (length, length) says what may be seen, else all before.

        Layers that see different things have a mask each.
        """
        for block, seen in zip(self.blocks, self._each(mask)):
            h = block(h, seen)
        return self.norm(h)

    def step(self, h: Tensor, memories: list[Memory], mask: Mask = None) -> Tensor:
        """The next positions (batch, new, width), with the keys and values of those before kept.

        Without a mask (new, seen + new), of all layers or of each, they see all that is kept.
        """
        for block, memory, seen in zip(self.blocks, memories, self._each(mask)):
            h = block.step(h, memory, seen)
        return self.norm(h)

    def _each(self, mask: Mask) -> Sequence[Tensor | None]:
        one = mask is None or isinstance(mask, Tensor)
        return [mask] * len(self.blocks) if one else mask  # type: ignore[list-item, return-value]

    def remember(self, n: int, length: int) -> list[Memory]:
        """Empty memories for `n` sequences of at most `length` positions."""
        return [block.attention.remember(n, length) for block in self.blocks]
