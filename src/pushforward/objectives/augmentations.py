"""What is done to data and fakes alike before a critic sees them, so that it cannot be too sure.

Instance noise: Arjovsky and Bottou (2017), arXiv:1701.04862, section 3; Sonderby et al. (2017),
arXiv:1610.04490, section 3.2. DiffAugment: Zhao et al. (2020), arXiv:2006.10738, section 3.2, with
the ranges of its authors' code. One that finds its own strength: `adaptive_augmentation.py`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

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


def _each(x: Tensor, low: float, high: float) -> Tensor:
    """A number for each image, uniform between two, (batch, 1, 1, 1)."""
    u = torch.rand(len(x), 1, 1, 1, dtype=x.dtype, device=x.device)
    return low + (high - low) * u


def recoloured(x: Tensor) -> Tensor:
    """Images with another brightness, saturation and contrast."""
    x = x + _each(x, -0.5, 0.5)
    grey = x.mean(1, keepdim=True)
    x = grey + (x - grey) * _each(x, 0, 2)
    level = x.mean((1, 2, 3), keepdim=True)
    return level + (x - level) * _each(x, 0.5, 1.5)


def _offsets(x: Tensor, most: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Whole numbers for each image and axis from -most to most, (batch, 1) each."""
    rows, columns = (torch.randint(-m, m + 1, (len(x), 1), device=x.device) for m in most)
    return rows, columns


def shifted(x: Tensor, share: float = 0.125) -> Tensor:
    """Images moved by up to a share of their sides, zeros where nothing was."""
    height, width = x.shape[2:]
    most = round(height * share), round(width * share)
    rows, columns = _offsets(x, most)
    padded = F.pad(x, (most[1], most[1], most[0], most[0]))
    i = rows + most[0] + torch.arange(height, device=x.device)
    j = columns + most[1] + torch.arange(width, device=x.device)
    n = torch.arange(len(x), device=x.device)[:, None, None]
    return padded.movedim(1, -1)[n, i[:, :, None], j[:, None]].movedim(-1, 1)


def cut_out(x: Tensor, share: float = 0.5) -> Tensor:
    """Images with zeros in a rectangle of a share of their sides, which may lie in part outside."""
    height, width = x.shape[2:]
    tall, broad = round(height * share), round(width * share)
    top = torch.randint(-(tall // 2), height - tall // 2 + 1, (len(x), 1), device=x.device)
    left = torch.randint(-(broad // 2), width - broad // 2 + 1, (len(x), 1), device=x.device)
    i, j = torch.arange(height, device=x.device), torch.arange(width, device=x.device)
    rows, columns = (i >= top) & (i < top + tall), (j >= left) & (j < left + broad)
    return x * ~(rows[:, None, :, None] & columns[:, None, None, :])


CHANGES = {"colour": recoloured, "translation": shifted, "cutout": cut_out}


@record
@dataclass(frozen=True)
class DiffAugment:
    """Every image is changed, always: in colour, by a translation, by a hole.

    What a critic may not remember by heart it has to understand. Fakes are changed alike, so that
    the generator learns unchanged images as long as no change makes two distributions the same.
    """

    changes: tuple[str, ...] = ("colour", "translation", "cutout")

    def __post_init__(self) -> None:
        unknown = [name for name in self.changes if name not in CHANGES]
        if unknown or not self.changes:
            raise ValueError(f"changes must be some of {sorted(CHANGES)}, not {self.changes!r}")

    def __call__(self, x: Tensor, progress: Tensor) -> Tensor:
        """Changed images (batch, channels, height, width). Raises ValueError for vectors."""
        checked_images(x, "DiffAugment")
        for name in self.changes:
            x = CHANGES[name](x)
        return x


def checked_images(x: Tensor, who: str) -> Tensor:
    """Returns `x` where it is of images; else raises ValueError."""
    if x.dim() != 4:
        raise ValueError(f"{who} changes images (batch, channels, height, width), not {x.shape}")
    return x
