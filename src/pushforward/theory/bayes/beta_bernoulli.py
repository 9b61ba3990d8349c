"""Beta-Bernoulli: the bias of a coin.

    theta ~ Beta(a, b),  x_i ~ Bernoulli(theta)   =>   theta | x ~ Beta(a + heads, b + tails)
    p(x = 1 | X) = a' / (a' + b'),       log p(X) = log B(a', b') - log B(a, b)

The prior is a memory of a + b tosses that never were. Bishop (2006), eqs. 2.13-2.20.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.distributions import Bernoulli, Beta

from pushforward.objectives.checks import positive_number

from .conjugate import observations


@dataclass(frozen=True)
class BetaBernoulli:
    """A belief about theta = p(x = 1): `a` and `b` are positive, 1 and 1 the flat prior.

    >>> BetaBernoulli(1, 1).update(torch.tensor([1, 1, 0]))
    BetaBernoulli(a=3.0, b=2.0)
    """

    a: float = 1.0
    b: float = 1.0

    def __post_init__(self) -> None:
        positive_number("a", self.a), positive_number("b", self.b)

    def update(self, x: Tensor) -> BetaBernoulli:
        """The belief after tosses (n,) of 0 and 1; raises ValueError for anything else."""
        heads = _tosses(x).sum().item()
        return BetaBernoulli(self.a + heads, self.b + len(x) - heads)

    def distribution(self) -> Beta:
        """The belief itself, over theta."""
        return Beta(*torch.tensor([self.a, self.b], dtype=torch.float64))

    def predictive(self) -> Bernoulli:
        """The next toss: theta integrated out."""
        return Bernoulli(self.distribution().mean)

    def log_predictive_count(self, heads: Tensor, tosses: int) -> Tensor:
        """Log p(so many heads in so many new tosses), of `heads`' shape: beta-binomial."""
        heads = heads.double()
        choose = _log_beta(heads + 1, tosses - heads + 1) + math.log(tosses + 1)
        return self._log_gain(heads, tosses - heads) - choose

    def log_evidence(self, x: Tensor) -> Tensor:
        """Log p(x) of the tosses (n,) in their order, in nats, a scalar."""
        heads = _tosses(x).sum()
        return self._log_gain(heads, len(x) - heads)

    def _log_gain(self, heads: Tensor, tails: Tensor) -> Tensor:
        a, b = torch.tensor([self.a, self.b], dtype=torch.float64)
        return _log_beta(a + heads, b + tails) - _log_beta(a, b)

    def mode(self) -> Tensor:
        """The theta of highest density; raises ValueError unless a, b >= 1 and not both 1."""
        if min(self.a, self.b) < 1 or self.a == self.b == 1:
            raise ValueError(f"{self} has no single mode: it needs a, b >= 1 and not both 1")
        return torch.tensor((self.a - 1) / (self.a + self.b - 2), dtype=torch.float64)

    def mle(self, x: Tensor) -> Tensor:
        """The share of heads, a scalar. Raises ValueError without tosses."""
        return observations(_tosses(x), least=1).mean()


def _log_beta(a: Tensor, b: Tensor) -> Tensor:
    return torch.lgamma(a) + torch.lgamma(b) - torch.lgamma(a + b)


def _tosses(x: Tensor) -> Tensor:
    observations(x)
    if not bool(((x == 0) | (x == 1)).all()):
        raise ValueError(f"tosses must be 0 or 1, not {x[(x != 0) & (x != 1)][0].item()}")
    return x.double()
