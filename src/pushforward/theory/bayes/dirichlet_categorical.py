"""Dirichlet-categorical: the bias of a die.

    theta ~ Dir(a),  x_i ~ Cat(theta)   =>   theta | x ~ Dir(a + counts)
    p(x = k | X) = a'_k / sum a',        log p(X) = log B(a') - log B(a)

With all a = 1 the predictive is Laplace's rule: no outcome is ever held impossible, where the
maximum likelihood gives an unseen one zero. Bishop (2006), eqs. 2.38-2.41.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.distributions import Categorical, Dirichlet

from pushforward.objectives.checks import positive_number

from .conjugate import observations


@dataclass(frozen=True)
class DirichletCategorical:
    """A belief about the probabilities of len(concentration) outcomes, each entry positive."""

    concentration: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.concentration) < 2:
            raise ValueError(f"at least two outcomes are needed, not {self.concentration}")
        for a in self.concentration:
            positive_number("each concentration", a)

    @property
    def _a(self) -> Tensor:
        return torch.tensor(self.concentration, dtype=torch.float64)

    def _counts(self, x: Tensor) -> Tensor:
        outcomes = len(self.concentration)
        if observations(x).is_floating_point() or x.dtype == torch.bool:
            raise ValueError(f"outcomes must be integers 0 .. {outcomes - 1}, not {x.dtype}")
        if len(x) and not 0 <= x.min() <= x.max() < outcomes:
            given = f"{x.min().item()} .. {x.max().item()}"
            raise ValueError(f"outcomes must be 0 .. {outcomes - 1}, not {given}")
        return torch.bincount(x.cpu(), minlength=outcomes).double()

    def update(self, x: Tensor) -> DirichletCategorical:
        """The belief after outcomes (n,), integers 0 .. K - 1; raises ValueError for others."""
        return DirichletCategorical(tuple((self._a + self._counts(x)).tolist()))

    def distribution(self) -> Dirichlet:
        """The belief itself, over the K probabilities."""
        return Dirichlet(self._a)

    def predictive(self) -> Categorical:
        """The next outcome: theta integrated out."""
        return Categorical(self.distribution().mean)

    def log_evidence(self, x: Tensor) -> Tensor:
        """Log p(x) of the outcomes (n,) in their order, in nats, a scalar."""
        return _log_beta(self._a + self._counts(x)) - _log_beta(self._a)

    def mode(self) -> Tensor:
        """The (K,) of highest density; raises ValueError unless all a >= 1 and one above."""
        excess = self._a - 1
        if excess.min() < 0 or excess.sum() == 0:
            raise ValueError(f"{self} has no single mode: all entries must be >= 1 and one above")
        return excess / excess.sum()

    def mle(self, x: Tensor) -> Tensor:
        """The shares of the outcomes, (K,). Raises ValueError without outcomes."""
        return self._counts(observations(x, least=1)) / len(x)


def _log_beta(a: Tensor) -> Tensor:
    return torch.lgamma(a).sum() - torch.lgamma(a.sum())
