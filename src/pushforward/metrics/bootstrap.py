"""Confidence intervals by the bootstrap: how much would the number move with other examples?

    x* = n examples drawn from x with replacement;   interval = quantiles of f(x*) over many x*

Efron (1979), Bootstrap methods: another look at the jackknife; the percentile interval.

It is right for what averages over examples: likelihoods, precision, recall, density, coverage (the
balls taken as given), the Inception Score, and U-statistics as KID if an example is never paired
with itself. It is wrong for Frechet distances, which are biased by how many *different* examples
there are: of n drawn again only 0.63 n differ. These have a jackknife's error, and the interval of
a normal with that error. Each interval says which it is.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from ..core.spaces import count
from .measurement import Interval, Measurement

DRAWS = 1000
AT_ONCE = 2**20  # numbers drawn at a time


def resamples(n: int, draws: int = DRAWS, seed: int = 0) -> Iterator[Tensor]:
    """Indices (some, n) of `draws` samples of n with replacement, a part of them at a time."""
    generator = torch.Generator().manual_seed(seed)
    left = count("draws", draws, 2)
    while left:
        some = min(left, max(1, AT_ONCE // n))
        yield torch.randint(n, (some, n), generator=generator)
        left -= some


def resampled_counts(n: int, draws: int = DRAWS, seed: int = 0) -> Iterator[Tensor]:
    """How often each of n examples was drawn, (some, n) in float64, a part at a time."""
    for index in resamples(n, draws, seed):
        counts = torch.zeros(index.shape, dtype=torch.float64)
        yield counts.scatter_add_(1, index, torch.ones_like(counts))


def percentiles(values: Tensor, level: float = 0.95, method: str = "bootstrap") -> Interval:
    """The middle `level` of values (draws,). Raises ValueError for a level not in (0, 1)."""
    if not 0 < level < 1:
        raise ValueError(f"level must be above 0 and below 1, not {level!r}")
    ends = torch.tensor([(1 - level) / 2, (1 + level) / 2], dtype=torch.float64)
    low, high = values.double().cpu().quantile(ends).tolist()
    return Interval(low, high, level, method)


def bootstrap_mean(
    each: Tensor, level: float = 0.95, draws: int = DRAWS, seed: int = 0
) -> Interval:
    """The interval of the mean of values (n,), such as log-likelihoods or hits.

    Raises ValueError for fewer than two values, NaN, or a level that is not in (0, 1).
    """
    if each.dim() != 1 or len(each) < 2 or not bool(torch.isfinite(each).all()):
        raise ValueError(f"a bootstrap needs 2 or more finite values (n,), not {tuple(each.shape)}")
    values = each.double().cpu()
    means = torch.cat([values[index].mean(1) for index in resamples(len(each), draws, seed)])
    return percentiles(means, level)


def bootstrap_pairs(
    statistic: Callable[[Tensor, Tensor], float], x: Tensor, y: Tensor, draws: int = 300
) -> Interval:
    """The interval of a statistic of two sets of values (n,), (m,), each resampled on its own."""
    ways = (torch.cat(list(resamples(len(s), draws, seed))) for seed, s in enumerate((x, y)))
    found = [statistic(x[i], y[j]) for i, j in zip(*ways)]
    return percentiles(torch.tensor(found, dtype=torch.float64))


def paired_difference(a: Tensor, b: Tensor, level: float = 0.95, seed: int = 0) -> Interval:
    """The interval of mean(a - b) for two models' values (n,) on the same examples.

    Much narrower than two intervals tell, because hard examples are hard for both. Raises
    ValueError for values of different examples.
    """
    if a.shape != b.shape:
        raise ValueError(f"pairs need as many values of each, not {len(a)} and {len(b)}")
    return bootstrap_mean(a.double() - b.double(), level, seed=seed)


def normal_interval(
    value: float, stderr: float | None, method: str = "jackknife", level: float = 0.95
) -> Interval | None:
    """The interval of a normal with a standard error that `method` found; None without one."""
    if stderr is None or not math.isfinite(stderr):
        return None
    reach = stderr * math.sqrt(2) * float(torch.erfinv(torch.tensor(level).double()))
    return Interval(value - reach, value + reach, level, method)


def interval_of(measured: Measurement, level: float = 0.95) -> Interval | None:
    """The interval of a normal with the measurement's standard error; None where it has none."""
    return normal_interval(measured.value, measured.stderr, "normal", level)
