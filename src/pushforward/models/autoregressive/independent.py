"""Independent pixels: the baseline that every model must beat.

    p(x) = prod_d p_d(x_d),    p_d(v) = (count of x_d = v  +  smoothing) / normaliser

It knows how bright each place tends to be and nothing of what goes with what. Full batches give the
exact counts; smaller ones are averaged, which is the same up to noise.

Differs from a paper: there is none. `smoothing` is the concentration of a Dirichlet prior, 1 in
Laplace's rule: p_d is the posterior predictive of the conjugate model in theory/bayes, per pixel.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ...core.catalogue import example
from ...core.contract import Density, Player, Terms
from ...core.shares import total
from ...core.spaces import Pixels, Reals, Space


class Independent(Density):
    """One categorical distribution for every pixel or token, by counting.

    Args:
        space: Pixels or Tokens.
        smoothing: added to every count; 1 is Laplace's rule of succession.
    """

    def __init__(self, space: Space, smoothing: float = 1.0):
        super().__init__(space)
        if isinstance(space, Reals):
            raise ValueError(f"counting needs Pixels or Tokens, not {space}")
        self.values = space.levels if isinstance(space, Pixels) else space.vocabulary
        self.smoothing = smoothing
        # A parameter, so that it belongs to a player; it moves by counting, not by gradient.
        counts = torch.zeros(space.dims, self.values)
        self.counts = nn.Parameter(counts, requires_grad=False)

    def probabilities(self) -> Tensor:
        """p_d(v), (dims, values)."""
        smoothed = self.counts + self.smoothing
        return smoothed / smoothed.sum(1, keepdim=True)

    def players(self) -> tuple[Player, ...]:
        """One, who counts."""
        return (Player("counts", self, update=self.count),)

    def count(self, x: Tensor) -> Terms:
        """Adds a batch to the counts; returns {"nll": (batch,)} in nats."""
        index = x.flatten(1).T.long()
        ones = torch.ones_like(index, dtype=self.counts.dtype)
        self.counts.add_(total(torch.zeros_like(self.counts).scatter_add_(1, index, ones)))
        return {"nll": -self.log_prob(x)}

    def log_prob(self, x: Tensor) -> Tensor:
        """Log p(x) in nats, (batch,)."""
        index = x.flatten(1).long()
        logs = self.probabilities().log()
        return logs.gather(1, index.T).sum(0)

    def sample(self, n: int) -> Tensor:
        """`n` data, (n, *space.shape)."""
        drawn = torch.multinomial(self.probabilities(), n, replacement=True).T
        kind = torch.uint8 if isinstance(self.space, Pixels) else torch.int64
        return drawn.reshape(n, *self.space.shape).to(kind)


@example(data="digits")
def independent() -> Independent:
    """The smallest instance."""
    return Independent(Pixels(1, 8, 8, 17))
