"""What is done to data and fakes alike before a critic sees them, so that it cannot be too sure.

Instance noise: Arjovsky and Bottou (2017), arXiv:1701.04862, section 3; Sonderby et al. (2017),
arXiv:1610.04490, section 3.2.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from ..core.blueprint import record


class Augmentation(Protocol):
    """A random change of what a critic sees, differentiable in it."""

    def __call__(self, x: Tensor, progress: Tensor) -> Tensor:
        """The changed data, of `x`'s shape; `progress` goes from 0 to 1 in training."""


@record
@dataclass(frozen=True)
class InstanceNoise:
    """Gaussian noise that fades: its standard deviation falls from `sigma` to 0 with progress.

    Two densities that never meet do so under noise, and their divergence has a slope.
    """

    sigma: float = 0.1

    def __post_init__(self) -> None:
        if not 0 < self.sigma < math.inf:
            raise ValueError(f"sigma must be a positive number, not {self.sigma!r}")

    def __call__(self, x: Tensor, progress: Tensor) -> Tensor:
        """`x` and noise."""
        return x + self.sigma * (1 - progress) * torch.randn_like(x)
