"""A picture of how noisy gradient estimators are, over dimensions and over families."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..core.spaces import count
from ..theory.gradient_estimators import (
    Family,
    gamma,
    mixture,
    normal,
    reparametrised,
    score_function,
)
from .gallery import picture
from .shown import blank

if TYPE_CHECKING:
    from .notebook import Sheet

NAMES = ("score function", "with a baseline", "reparametrised")


@picture
def draw(draws: int = 20_000, seed: int = 0) -> Sheet:
    """The variance of one draw's gradient of E mean(z^2), summed over the parameters.

    On the left for a normal over more and more dimensions; on the right for families over one
    number, the last two of which only implicit gradients can follow.
    """
    torch.manual_seed(seed)
    count("draws", draws, 2)
    figure = blank(8.4, 3.4)
    left, right = figure.subplots(1, 2)
    dims = (1, 2, 4, 8, 16, 32, 64)
    rows = [variances(normal, _standard(d), draws) for d in dims]
    for name, values in zip(NAMES, zip(*rows)):
        left.plot(dims, values, marker="o", label=name)
    left.set(xscale="log", yscale="log", xlabel="dimensions", ylabel="variance of a gradient")
    left.legend()
    families = {"normal": (normal, _standard(1)), **_only_implicit()}
    rows = [variances(family, phi, draws) for family, phi in families.values()]
    for i, bars in enumerate(zip(*rows)):
        right.bar([j + 0.27 * (i - 1) for j in range(len(bars))], bars, 0.25)
    right.set_xticks(range(len(families)), list(families))
    right.set(yscale="log", title="the last two implicitly")
    return figure


def variances(family: Family, phi: Tensor, draws: int) -> Sequence[float]:
    """The variances of the estimators of NAMES, each from so many draws."""
    gradients = (
        score_function(family, phi, _mean_square, draws),
        score_function(family, phi, _mean_square, draws, baseline=True),
        reparametrised(family, phi, _mean_square, draws),
    )
    return [g.var(0).sum().item() for g in gradients]


def _mean_square(z: Tensor) -> Tensor:
    return z.square().mean(-1)


def _standard(dims: int) -> Tensor:
    """Means of 1 and scales of 1/2."""
    mean = torch.ones(dims, dtype=torch.float64)
    return torch.cat([mean, torch.full_like(mean, math.log(0.5))])


def _only_implicit() -> dict[str, tuple[Family, Tensor]]:
    bumps = torch.tensor([0.0, -1.0, 1.5, -0.5, -0.5], dtype=torch.float64)
    return {"gamma": (gamma, torch.tensor([0.7]).double()), "two bumps": (mixture, bumps)}
