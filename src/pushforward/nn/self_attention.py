"""Self-attention over the places of a map, gated by a number that starts at zero.

    o_j = W_v sum_i softmax_i( (W_f h_i)^T (W_g h_j) ) W_h h_i,        y = gamma o + h

A convolution sees its neighbours; attention lets every place look at all others, and the gate gamma
brings that in once the neighbours have been learned.

Self-Attention Generative Adversarial Networks (Zhang et al., 2019), arXiv:1805.08318, eqs. 1-3:
keys, queries and values are of an eighth of the channels. Their code halves the grid of keys and
values by pooling, and takes half of the channels for values; the paper, and this, do not.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..core.blueprint import Component
from ..core.spaces import count


class SelfAttention(Component):
    """(batch, channels, height, width) to features of the same shape.

    Args:
        channels: of the features.
        narrowing: how many times fewer channels keys, queries and values have.
    """

    def __init__(self, channels: int, narrowing: int = 8):
        super().__init__()
        width = max(1, count("channels", channels) // count("narrowing", narrowing))
        self.key, self.query, self.value = (
            nn.Conv2d(channels, width, 1, bias=False) for _ in range(3)
        )
        self.mix = nn.Conv2d(width, channels, 1, bias=False)
        self.gamma = nn.Parameter(torch.zeros(()))

    def forward(self, h: Tensor) -> Tensor:
        """`h`, and what its places see of one another."""
        key, query, value = (f(h).flatten(2) for f in (self.key, self.query, self.value))
        weights = (query.mT @ key).softmax(2)  # (batch, who looks, at whom)
        seen = (value @ weights.mT).unflatten(2, h.shape[2:])
        return h + self.gamma * self.mix(seen)
