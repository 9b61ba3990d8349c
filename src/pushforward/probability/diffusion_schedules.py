"""How fast a diffusion forgets its data: x_t = sqrt(abar_t) x_0 + sqrt(1 - abar_t) eps, t = 0 .. T.

    linear:  abar_t = prod_{s <= t} (1 - beta_s),   beta from `first` / T to `last` / T
    cosine:  abar_t = f(t) / f(0),   f(t) = cos^2(pi/2 (t/T + offset) / (1 + offset))

Linear: Denoising Diffusion Probabilistic Models (Ho et al., 2020), arXiv:2006.11239, section 4
(T = 1000, beta from 1e-4 to 0.02). Cosine: Improved Denoising Diffusion Probabilistic Models
(Nichol & Dhariwal, 2021), arXiv:2102.09672, eq. 17.
Differs from the papers: the linear rates are per unit of time, so that one schedule serves any T.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ..core.blueprint import record
from ..core.spaces import count

MOST = 0.999  # a step that forgot everything would leave abar = 0


@record
@dataclass(frozen=True)
class LinearSchedule:
    """beta grows linearly; with T = 1000 the defaults are those of DDPM."""

    first: float = 0.1
    last: float = 20.0

    def __post_init__(self) -> None:
        if not 0 < self.first <= self.last:
            raise ValueError(f"rates must be positive and not fall, not {self}")

    def signal(self, steps: int) -> Tensor:
        """abar_0 .. abar_T, (steps + 1,) in float64, with abar_0 = 1."""
        first, last = self.first / count("steps", steps), self.last / steps
        betas = torch.linspace(first, last, steps, dtype=torch.float64)
        return _products(betas)


@record
@dataclass(frozen=True)
class CosineSchedule:
    """abar falls like a squared cosine: information is lost at an even pace."""

    offset: float = 0.008

    def __post_init__(self) -> None:
        if not 0 <= self.offset < math.inf:
            raise ValueError(f"the offset of a schedule must not be below 0, not {self.offset!r}")

    def signal(self, steps: int) -> Tensor:
        """abar_0 .. abar_T, (steps + 1,) in float64, with abar_0 = 1."""
        t = torch.linspace(0, 1, count("steps", steps) + 1, dtype=torch.float64)
        f = (math.pi / 2 * (t + self.offset) / (1 + self.offset)).cos() ** 2
        return _products(1 - f[1:] / f[:-1])


def _products(betas: Tensor) -> Tensor:
    return torch.cat([betas.new_ones(1), (1 - betas.clamp(max=MOST)).cumprod(0)])


Schedule = LinearSchedule | CosineSchedule
