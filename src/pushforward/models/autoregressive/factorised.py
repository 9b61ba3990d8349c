"""What autoregressive models share: the chain rule.

    log p(x) = sum_i log p(x_i | x_<i)

A model says how its conditionals' parameters are computed for all dimensions at once, from the
data; the likelihood follows. Sampling by the textbook's loop, one whole pass per dimension, follows
too: `sample_naively` is what the models' own cached samplers are measured and tested against.
"""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor

from ...core.contract import Density
from ...core.spaces import Pixels, Space, Tokens, count
from ...probability.heads import Head


class Factorised(Density):
    """A density that is a product of conditionals, each described by one head.

    Dimensions are those of `x.flatten(1)`; `order` lists them as they are drawn.
    """

    def __init__(self, space: Space, head: Head):
        super().__init__(space)
        self.head = head.check(space)

    @abstractmethod
    def conditionals(self, x: Tensor) -> Tensor:
        """Parameters (batch, dims, outputs): row i depends on x only through what is before i."""

    def order(self) -> list[int]:
        """The dimensions in the order in which they are drawn."""
        return list(range(self.space.dims))

    def log_prob(self, x: Tensor) -> Tensor:
        """log p(x) in nats, (batch,)."""
        return self.head.log_prob(self.conditionals(x), x.flatten(1)).sum(1)

    @torch.no_grad()
    def sample_naively(self, n: int) -> Tensor:
        """The textbook's sampler: the same draws as `sample`, with a whole pass per dimension."""
        x = blank(self.space, count("n", n), self.device, self.dtype)
        for d in self.order():
            x.flatten(1)[:, d] = draw(self.head, self.conditionals(x)[:, d], x.dtype)
        return x


def blank(space: Space, n: int, device: torch.device, dtype: torch.dtype) -> Tensor:
    """`n` data of zeros."""
    kind = {Pixels: torch.uint8, Tokens: torch.int64}.get(type(space), dtype)
    return torch.zeros(n, *space.shape, device=device, dtype=kind)


def draw(head: Head, parameters: Tensor, dtype: torch.dtype) -> Tensor:
    """One draw from every conditional (n, outputs), as numbers (n,) of the space's type."""
    given = head(parameters)
    return (given.rsample() if given.has_rsample else given.sample()).to(dtype)  # rsample: quicker
