"""Causal self-attention with several heads, and its memory for generation.

    attention(Q, K, V) = softmax(Q K' / sqrt(d)) V,    position i sees positions 0 .. i

Attention Is All You Need (Vaswani et al., 2017), arXiv:1706.03762, eq. 1, section 3.2.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from ..core.blueprint import Component
from ..core.spaces import count


class Memory:
    """The keys and values (n, heads, length, width / heads) of the positions seen so far."""

    def __init__(self, like: Tensor, n: int, heads: int, length: int, width: int):
        self.keys, self.values = (like.new_zeros(n, heads, length, width) for _ in range(2))
        self.seen = 0

    def append(self, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Takes in some more positions; returns all so far."""
        end = self.seen + keys.shape[2]
        self.keys[:, :, self.seen : end] = keys
        self.values[:, :, self.seen : end] = values
        self.seen = end
        return self.keys[:, :, :end], self.values[:, :, :end]


class CausalAttention(Component):
    """(batch, length, width) -> the same shape.

    Args:
        width: features of a position; a multiple of `heads`.
        heads: attentions side by side.
        dropout: probability of dropping an attention weight in training.
    """

    def __init__(self, width: int, heads: int, dropout: float = 0.0):
        super().__init__()
        if count("width", width) % count("heads", heads):
            raise ValueError(f"width must be a multiple of heads: {width} is none of {heads}")
        self.heads, self.dropout = heads, dropout
        self.enter = nn.Linear(width, 3 * width)
        self.leave = nn.Linear(width, width)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """All positions at once; `mask` (length, length) says what may be seen, else all before."""
        q, k, v = self._split(x)
        drop = self.dropout if self.training else 0.0
        h = F.scaled_dot_product_attention(q, k, v, mask, drop, is_causal=mask is None)
        return self.leave(h.transpose(1, 2).flatten(2))

    def step(self, x: Tensor, memory: Memory, mask: Tensor | None = None) -> Tensor:
        """The next positions (batch, new, width); what they see by `mask` (new, seen + new)."""
        q, k, v = self._split(x)
        h = F.scaled_dot_product_attention(q, *memory.append(k, v), mask)
        return self.leave(h.transpose(1, 2).flatten(2))

    def remember(self, n: int, length: int) -> Memory:
        """An empty memory for `n` sequences of at most `length`."""
        width = self.leave.in_features // self.heads
        return Memory(self.leave.weight, n, self.heads, length, width)

    def _split(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        q, k, v = self.enter(x).unflatten(-1, (3, self.heads, -1)).unbind(-3)
        return q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2)
