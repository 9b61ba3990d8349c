"""Normal-inverse-gamma: mean and variance of a Gaussian, both unknown.

    s2 ~ InvGamma(a, b),  mu | s2 ~ N(m, s2 / k),  x_i ~ N(mu, s2)
    k' = k + n,           m' = (k m + n xbar) / k'
    a' = a + n / 2,       b' = b + sum (x - xbar)^2 / 2 + k n (xbar - m)^2 / (2 k')
    x | X ~ Student(2 a', m', b' (k' + 1) / (a' k'))

The predictive has heavier tails than any Gaussian: it does not know the variance either.

Murphy (2007), "Conjugate Bayesian analysis of the Gaussian distribution", section 6 (eqs. 197-206).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.distributions import InverseGamma, StudentT

from pushforward.objectives.checks import positive_number

from .conjugate import observations


@dataclass(frozen=True)
class NormalInverseGamma:
    """A belief about (mu, s2): `strength` (k) counts what `mean` (m) is worth, in observations."""

    mean: float = 0.0
    strength: float = 1.0
    shape: float = 1.0
    rate: float = 1.0

    def __post_init__(self) -> None:
        if not math.isfinite(self.mean):
            raise ValueError(f"mean must be finite, not {self.mean}")
        for name in ("strength", "shape", "rate"):
            positive_number(name, getattr(self, name))

    def update(self, x: Tensor) -> NormalInverseGamma:
        """The belief after observations (n,)."""
        n, x = len(observations(x)), x.double()
        if n == 0:
            return self
        centre, strength = x.mean().item(), self.strength + n
        spread = ((x - centre) ** 2).sum().item() + self.strength * n * (
            centre - self.mean
        ) ** 2 / strength
        mean = (self.strength * self.mean + n * centre) / strength
        return NormalInverseGamma(mean, strength, self.shape + n / 2, self.rate + spread / 2)

    def variance(self) -> InverseGamma:
        """The belief about s2."""
        return InverseGamma(*torch.tensor([self.shape, self.rate], dtype=torch.float64))

    def location(self) -> StudentT:
        """The belief about mu, s2 integrated out."""
        return self._student(1 / self.strength)

    def predictive(self) -> StudentT:
        """The next observation: mu and s2 integrated out."""
        return self._student(1 + 1 / self.strength)

    def _student(self, factor: float) -> StudentT:
        scale = math.sqrt(self.rate / self.shape * factor)
        return StudentT(*torch.tensor([2 * self.shape, self.mean, scale], dtype=torch.float64))

    def log_prob(self, mu: Tensor, s2: Tensor) -> Tensor:
        """Log-density of the belief at (mu, s2), of their shape."""
        normal = torch.distributions.Normal(self.mean, (s2 / self.strength).sqrt())
        return self.variance().log_prob(s2) + normal.log_prob(mu)

    def log_evidence(self, x: Tensor) -> Tensor:
        """Log p(x) of observations (n,) together, in nats, a scalar."""
        after = self.update(x)
        gain = self._log_normaliser() - after._log_normaliser()
        return torch.tensor(gain - len(x) / 2 * math.log(2 * math.pi), dtype=torch.float64)

    def _log_normaliser(self) -> float:
        return (
            self.shape * math.log(self.rate) - math.lgamma(self.shape) + math.log(self.strength) / 2
        )

    def mode(self) -> Tensor:
        """The (mu, s2) of highest joint density, (2,)."""
        return torch.tensor([self.mean, self.rate / (self.shape + 1.5)], dtype=torch.float64)

    def mle(self, x: Tensor) -> Tensor:
        """Mean and (biased) variance of at least two observations (n,): (2,)."""
        x = observations(x, least=2).double()
        return torch.stack([x.mean(), x.var(unbiased=False)])
