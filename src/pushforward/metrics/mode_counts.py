"""Modes covered: how many clusters of known centres samples reach, and how evenly.

A sample belongs to the nearest centre, and is good if it lies within `radius` of it. A mode is
covered if it gets at least a tenth of its even share of all samples. A generator that has
collapsed makes good samples of few modes; one that blurs covers all with few good ones.

Counts as in VEEGAN (Srivastava et al., 2017), arXiv:1705.07761, section 4.1, with radius three
standard deviations. Differs from the paper: a mode takes a tenth of its share, not one sample.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..core.catalogue import system
from ..core.spaces import count

LEAST_SHARE = 0.1


@dataclass(frozen=True)
class Modes:
    """Covered modes of all, the share of good samples, and the KL of their modes to uniform."""

    covered: int
    of: int
    good: float
    kl_from_even: float

    def __str__(self) -> str:
        return (
            f"{self.covered} of {self.of} modes, {self.good:.1%} of samples within the radius, "
            f"{self.kl_from_even:.3f} nats from even use"
        )


def modes(samples: Tensor, centres: Tensor, radius: float) -> Modes:
    """Which of the `centres` (modes, features) the `samples` (n, features) reach.

    Raises ValueError for other shapes, no samples, or a radius that is not positive.
    """
    fits = samples.dim() == centres.dim() == 2 and samples.shape[1] == centres.shape[1]
    if not fits or len(samples) == 0:
        shapes = f"{tuple(samples.shape)} and {tuple(centres.shape)}"
        raise ValueError(f"samples and centres must be (n, features) each, not {shapes}")
    if not radius > 0:
        raise ValueError(f"radius must be a positive number, not {radius!r}")
    distance, nearest = torch.cdist(samples, centres).min(1)
    return _counted(nearest, distance <= radius, len(centres))


def modes_of_classes(taken: Tensor, classes: int, good: Tensor | None = None) -> Modes:
    """Which of `classes` modes samples were taken for, (n,) int64, by a classifier say.

    `good` (n,) says which samples count; None is all. Raises ValueError for no samples, another
    shape, or what is no class.

    >>> modes_of_classes(torch.tensor([0, 0, 2, 2]), 4).covered
    2
    """
    count("classes", classes)
    if taken.dim() != 1 or len(taken) == 0 or taken.is_floating_point():
        raise ValueError(
            f"classes of samples must be integers (n,), not {taken.dtype} of {tuple(taken.shape)}"
        )
    if not 0 <= int(taken.min()) <= int(taken.max()) < classes:
        raise ValueError(
            f"samples must be of the classes 0 .. {classes - 1}, "
            f"not {int(taken.min())} .. {int(taken.max())}"
        )
    good = torch.ones_like(taken, dtype=torch.bool) if good is None else good
    if good.shape != taken.shape or good.dtype != torch.bool:
        raise ValueError(f"good must be bool {tuple(taken.shape)}, not {good.dtype} {good.shape}")
    return _counted(taken, good, classes)


def _counted(mode: Tensor, good: Tensor, of: int) -> Modes:
    counts = torch.bincount(mode[good], minlength=of).double()
    share = counts / counts.sum().clamp(min=1)
    covered = int((counts >= LEAST_SHARE * len(mode) / of).sum())
    uneven = torch.log(torch.tensor(of).double()) - torch.special.entr(share).sum().cpu()
    return Modes(covered, of, good.double().mean().item(), uneven.item())


system(
    "mode-collapse",
    lecture=8,
    kind="metric",
    title="Modes covered, good samples, evenness",
    paper="arXiv:1705.07761",
)
