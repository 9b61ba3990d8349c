"""Continuous paths from data to noise: x_t = alpha(t) x_0 + sigma(t) eps, t in [0, 1].

    VP:         alpha = exp(-B(t) / 2),   sigma^2 = 1 - alpha^2,
                B(t) = first t + (last - first) t^2 / 2
    sub-VP:     the same alpha,           sigma = 1 - alpha^2
    VE:         alpha = 1,                sigma = least (most / least)^t
    rectified:  alpha = 1 - t,            sigma = t
    EDM:        alpha = 1,                sigma = t,  so that t is not in [0, 1]

Each gives (alpha, sigma) and their derivatives, which say all about the linear SDE and about the
probability flow, and the time of a noise level: dx/dt = alpha' E[x_0|x] + sigma' E[eps|x].

Score-Based Generative Modeling through Stochastic Differential Equations (Song et al., 2021),
arXiv:2011.13456, eqs. 29-33. Rectified: Flow Matching for Generative Modeling (Lipman et al.,
2023), arXiv:2210.02747, eq. 20 with sigma_min = 0 and time reversed. EDM: Karras et al. (2022),
arXiv:2206.00364, table 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ..core.blueprint import record

Pair = tuple[Tensor, Tensor]


def _decay(t: Tensor, first: float, last: float) -> Pair:
    """exp(-B/2) and its derivative."""
    alpha = torch.exp(-(first * t + (last - first) * t**2 / 2) / 2)
    return alpha, -alpha * (first + (last - first) * t) / 2


def _decayed(total: float, first: float, last: float) -> float:
    """The time t with B(t) = first t + (last - first) t^2 / 2 = `total`."""
    rate = (last - first) / 2
    return 2 * total / (first + math.sqrt(first**2 + 4 * rate * total))


def _rates(first: float, last: float) -> None:
    if not 0 < first <= last < math.inf:
        raise ValueError(
            f"the rates of a path must be positive and not fall, not from {first!r} to {last!r}"
        )


@record
@dataclass(frozen=True)
class VP:
    """Variance preserving: the continuous limit of DDPM."""

    first: float = 0.1
    last: float = 20.0

    def __post_init__(self) -> None:
        _rates(self.first, self.last)

    def at(self, t: Tensor) -> Pair:
        """alpha and sigma."""
        alpha, _ = _decay(t, self.first, self.last)
        exponent = self.first * t + (self.last - self.first) * t**2 / 2
        return alpha, (-torch.expm1(-exponent)).sqrt()

    def slopes(self, t: Tensor) -> Pair:
        """Their derivatives."""
        alpha, slope = _decay(t, self.first, self.last)
        return slope, -alpha * slope / self.at(t)[1]

    def when(self, noise: float) -> float:
        """The time at which sigma / alpha is `noise`."""
        return _decayed(math.log1p(noise**2), self.first, self.last)

    @property
    def end(self) -> float:
        """The time of the most noise."""
        return 1.0

    @property
    def prior_std(self) -> float:
        """Standard deviation at the end of the path."""
        return 1.0


@record
@dataclass(frozen=True)
class SubVP:
    """Variance below VP's at every time."""

    first: float = 0.1
    last: float = 20.0

    def __post_init__(self) -> None:
        _rates(self.first, self.last)

    def at(self, t: Tensor) -> Pair:
        """alpha and sigma."""
        alpha, _ = _decay(t, self.first, self.last)
        exponent = self.first * t + (self.last - self.first) * t**2 / 2
        return alpha, -torch.expm1(-exponent)

    def slopes(self, t: Tensor) -> Pair:
        """Their derivatives."""
        alpha, slope = _decay(t, self.first, self.last)
        return slope, -2 * alpha * slope

    def when(self, noise: float) -> float:
        """The time at which sigma / alpha is `noise`: where 1 / alpha - alpha is."""
        alpha = 2 / (noise + math.sqrt(noise**2 + 4))
        return _decayed(-2 * math.log(alpha), self.first, self.last)

    @property
    def end(self) -> float:
        """The time of the most noise."""
        return 1.0

    @property
    def prior_std(self) -> float:
        """Standard deviation at the end of the path."""
        return 1.0


@record
@dataclass(frozen=True)
class VE:
    """Variance exploding: the continuous limit of NCSN's ladder of noise."""

    least: float = 0.01
    most: float = 50.0

    def __post_init__(self) -> None:
        if not 0 < self.least < self.most:
            raise ValueError(f"noise must grow from above zero, not {self}")

    def at(self, t: Tensor) -> Pair:
        """alpha and sigma."""
        return torch.ones_like(t), self.least * (self.most / self.least) ** t

    def slopes(self, t: Tensor) -> Pair:
        """Their derivatives."""
        return torch.zeros_like(t), self.at(t)[1] * math.log(self.most / self.least)

    def when(self, noise: float) -> float:
        """The time at which sigma / alpha is `noise`."""
        return math.log(noise / self.least) / math.log(self.most / self.least)

    @property
    def end(self) -> float:
        """The time of the most noise."""
        return 1.0

    @property
    def prior_std(self) -> float:
        """Standard deviation at the end of the path."""
        return self.most


@record
@dataclass(frozen=True)
class Rectified:
    """Straight lines from data to noise."""

    def at(self, t: Tensor) -> Pair:
        """alpha and sigma."""
        return 1 - t, t

    def slopes(self, t: Tensor) -> Pair:
        """Their derivatives."""
        return -torch.ones_like(t), torch.ones_like(t)

    def when(self, noise: float) -> float:
        """The time at which sigma / alpha is `noise`."""
        return noise / (1 + noise)

    @property
    def end(self) -> float:
        """The time of the most noise."""
        return 1.0

    @property
    def prior_std(self) -> float:
        """Standard deviation at the end of the path."""
        return 1.0


@record
@dataclass(frozen=True)
class NoiseLevel:
    """EDM's path: time is the noise level itself, up to `most`."""

    most: float = 80.0

    def at(self, t: Tensor) -> Pair:
        """alpha and sigma."""
        return torch.ones_like(t), t

    def slopes(self, t: Tensor) -> Pair:
        """Their derivatives."""
        return torch.zeros_like(t), torch.ones_like(t)

    def when(self, noise: float) -> float:
        """The time at which sigma / alpha is `noise`: that."""
        return noise

    @property
    def end(self) -> float:
        """The time of the most noise."""
        return self.most

    @property
    def prior_std(self) -> float:
        """Standard deviation at the end of the path."""
        return self.most


Path = VP | SubVP | VE | Rectified | NoiseLevel
