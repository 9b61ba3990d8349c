"""Confidence intervals by the bootstrap: how much would the number move with other examples?

    x* = n examples drawn from x with replacement;   interval = quantiles of f(x*) over many x*

Efron (1979), Bootstrap methods: another look at the jackknife; the percentile interval.

It is right for means over examples: likelihoods, precision, recall, coverage. It is wrong for
Frechet distances, which are biased by how many *different* examples there are: of n drawn again
only 0.63 n differ. These have a jackknife's error, and the interval of a normal with that error.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from ..core.spaces import count
from .measurement import Measurement


class Interval(NamedTuple):
    """Where the number lies with probability `level`."""

    low: float
    high: float
    level: float = 0.95

    def __str__(self) -> str:
        return f"{self.level:.0%} interval {self.low:.4g} to {self.high:.4g}"


def bootstrap_mean(each: Tensor, level: float = 0.95, draws: int = 2000, seed: int = 0) -> Interval:
    """The interval of the mean of values (n,), such as log-likelihoods or hits.

    Raises ValueError for fewer than two values, NaN, or a level that is not in (0, 1).
    """
    if each.dim() != 1 or len(each) < 2 or not bool(torch.isfinite(each).all()):
        raise ValueError(f"a bootstrap needs 2 or more finite values (n,), not {tuple(each.shape)}")
    if not 0 < level < 1:
        raise ValueError(f"level must be above 0 and below 1, not {level!r}")
    values, n = each.double().cpu(), len(each)
    generator = torch.Generator().manual_seed(seed)
    means = torch.stack(
        [
            values[torch.randint(n, (n,), generator=generator)].mean()
            for _ in range(count("draws", draws, 2))
        ]
    )
    ends = torch.tensor([(1 - level) / 2, (1 + level) / 2], dtype=torch.float64)
    low, high = means.quantile(ends).tolist()
    return Interval(low, high, level)


def paired_difference(a: Tensor, b: Tensor, level: float = 0.95, seed: int = 0) -> Interval:
    """The interval of mean(a - b) for two models' values (n,) on the same examples.

    Much narrower than two intervals tell, because hard examples are hard for both. Raises
    ValueError for values of different examples.
    """
    if a.shape != b.shape:
        raise ValueError(f"pairs need as many values of each, not {len(a)} and {len(b)}")
    return bootstrap_mean(a.double() - b.double(), level, seed=seed)


def interval_of(measured: Measurement, level: float = 0.95) -> Interval | None:
    """The interval of a normal with the measurement's standard error; None where it has none."""
    if measured.stderr is None:
        return None
    reach = measured.stderr * math.sqrt(2) * float(torch.erfinv(torch.tensor(level).double()))
    return Interval(measured.value - reach, measured.value + reach, level)
