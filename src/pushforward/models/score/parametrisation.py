"""What a diffusion's network predicts, and how noisy its reverse steps are.

    x = alpha x_0 + sigma eps           whoever knows x and one of these knows them all:

    eps:       x_0 = (x - sigma eps) / alpha
    v:         alpha eps - sigma x_0,   x_0 = (alpha x - sigma v) / (alpha^2 + sigma^2)
    score:     -eps / sigma,            x_0 = (x + sigma^2 score) / alpha
    velocity:  eps - x_0,               x_0 = (x - sigma velocity) / (alpha + sigma)

They carry the same information; they differ in how the errors at small and at large noise weigh in
the squared loss. v is from Progressive Distillation for Fast Sampling of Diffusion Models (Salimans
& Ho, 2022), arXiv:2202.00512, appendix D; the velocity is that of the straight line from x_0 to eps
(flow matching's, where alpha + sigma = 1).

The reverse variance lies between beta tilde (exact for data that are a point) and beta (exact for
data that are standard normal): DDPM (Ho et al., 2020), arXiv:2006.11239, section 3.2. Learned:
Improved DDPM (Nichol & Dhariwal, 2021), arXiv:2102.09672, eq. 15.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from ...core.blueprint import record


@record
@dataclass(frozen=True)
class PredictEps:
    """The network predicts the noise."""

    told: ClassVar[str] = "eps"

    def target(self, x0: Tensor, eps: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
        """What the network should say."""
        return eps

    def x0(self, out: Tensor, x: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
        """What the network said, as data."""
        return (x - sigma * out) / alpha


@record
@dataclass(frozen=True)
class PredictX0:
    """The network predicts the data."""

    told: ClassVar[str] = "x_0"

    def target(self, x0: Tensor, eps: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
        """What the network should say."""
        return x0

    def x0(self, out: Tensor, x: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
        """What the network said, as data."""
        return out


@record
@dataclass(frozen=True)
class PredictV:
    """The network predicts v = alpha eps - sigma x_0."""

    told: ClassVar[str] = "v"

    def target(self, x0: Tensor, eps: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
        """What the network should say."""
        return alpha * eps - sigma * x0

    def x0(self, out: Tensor, x: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
        """What the network said, as data."""
        return (alpha * x - sigma * out) / (alpha**2 + sigma**2)


@record
@dataclass(frozen=True)
class PredictScore:
    """The network predicts the score of the noisy data."""

    told: ClassVar[str] = "the score"

    def target(self, x0: Tensor, eps: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
        """What the network should say."""
        return -eps / sigma

    def x0(self, out: Tensor, x: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
        """What the network said, as data."""
        return (x + sigma**2 * out) / alpha


@record
@dataclass(frozen=True)
class PredictVelocity:
    """The network predicts the velocity eps - x_0 of a straight line."""

    told: ClassVar[str] = "the velocity"

    def target(self, x0: Tensor, eps: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
        """What the network should say."""
        return eps - x0

    def x0(self, out: Tensor, x: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
        """What the network said, as data."""
        return (x - sigma * out) / (alpha + sigma)


@record
@dataclass(frozen=True)
class SmallVariance:
    """beta tilde."""

    def log(self, fraction: Tensor | None, small: Tensor, large: Tensor) -> Tensor:
        """log of the variance, from log beta tilde and log beta."""
        return small


@record
@dataclass(frozen=True)
class LargeVariance:
    """beta."""

    def log(self, fraction: Tensor | None, small: Tensor, large: Tensor) -> Tensor:
        """log of the variance, from log beta tilde and log beta."""
        return large


@record
@dataclass(frozen=True)
class LearnedVariance:
    """Between both, by a second output of the network; `weight` is the bound's in the loss."""

    weight: float = 1e-3

    def log(self, fraction: Tensor | None, small: Tensor, large: Tensor) -> Tensor:
        """log of the variance, from log beta tilde and log beta."""
        assert fraction is not None
        return small + (large - small) * (fraction + 1) / 2


@record
@dataclass(frozen=True)
class MinSNR:
    """Errors of x_0 weigh min(alpha^2 / sigma^2, gamma), whatever the network predicts.

    Efficient Diffusion Training via Min-SNR Weighting Strategy (Hang et al., 2023),
    arXiv:2303.09556, section 3.4: in eps that is min(SNR, gamma) / SNR, in v / (SNR + 1).
    """

    gamma: float = 5.0

    def __post_init__(self) -> None:
        if not 0 < self.gamma < math.inf:
            raise ValueError(f"gamma must be a positive number, not {self.gamma!r}")

    def __call__(self, prediction: Prediction, alpha: Tensor, sigma: Tensor) -> Tensor:
        """The weight of the squared error of what is predicted, of `alpha`'s shape."""
        zero, one = torch.zeros_like(alpha), torch.ones_like(alpha)
        # x_0 is affine in what is predicted: an error of 1 there is this one of x_0.
        of_x0 = prediction.x0(one, zero, alpha, sigma) - prediction.x0(zero, zero, alpha, sigma)
        snr = (alpha / sigma) ** 2
        return snr.clamp(max=self.gamma) * of_x0**2


Prediction = PredictEps | PredictX0 | PredictV | PredictScore | PredictVelocity
Variance = SmallVariance | LargeVariance | LearnedVariance
