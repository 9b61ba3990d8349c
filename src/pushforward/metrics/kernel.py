"""Kernel Inception Distance: the unbiased squared MMD of features under a cubic kernel.

    k(x, y) = (x.y / d + 1)^3
    MMD^2 = mean_{i != j} k(x_i, x_j) + mean_{i != j} k(y_i, y_j) - 2 mean_{i, j} k(x_i, y_j)

Binkowski et al. (2018), arXiv:1801.01401, section 4 and eq. 4. Unlike FID it is unbiased, so counts
may differ, and it may be negative. As there, the mean over random subsets (100 of 1,000) is given.

Differs from the paper: the spread over subsets of m examples is that of m examples, while their
mean knows all n; the standard error is the spread times sqrt(m / n), which is cautious where the
sets are alike. The interval is a bootstrap's, over all examples. Kernels are summed in float64.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ..core.catalogue import system
from ..core.spaces import count
from .bootstrap import percentiles, resampled_counts
from .features import Batches, Features, features_as_given, label, pair, range_notes, range_of
from .measurement import Interval, Measurement
from .two_sample import ROWS

system(
    "kid",
    lecture=10,
    kind="metric",
    title="Kernel Inception Distance",
    paper="https://arxiv.org/abs/1801.01401",
)


def cubic(x: Tensor, y: Tensor) -> Tensor:
    """The kernel matrix (n, m)."""
    return (x @ y.T / x.shape[1] + 1) ** 3


def unbiased_mmd2(xx: Tensor, xy: Tensor, yy: Tensor) -> Tensor:
    """The U-statistic of squared MMD from three kernel matrices."""
    n, m = xy.shape
    within_x = (xx.sum() - xx.trace()) / (n * (n - 1))
    within_y = (yy.sum() - yy.trace()) / (m * (m - 1))
    return within_x + within_y - 2 * xy.mean()


def paired_off(x: Tensor, y: Tensor, mine: Tensor, theirs: Tensor) -> Tensor:
    """Mean kernels (draws,) over pairs with weights (draws, n) and (draws, m), in blocks of rows.

    Where x is y, an example is never paired with itself, however often it was drawn.
    """
    total = mine.new_zeros(len(mine))
    for row in range(0, len(x), ROWS):
        part = slice(row, row + ROWS)
        block = cubic(x[part].double(), y.double())
        if x is y:
            block[:, row:].fill_diagonal_(0)
        total += (mine[:, part] * (theirs @ block.T)).sum(1)
    pairs = mine.sum(1) * theirs.sum(1) - ((mine * theirs).sum(1) if x is y else 0)
    return total / pairs


def bootstrap_interval(x: Tensor, y: Tensor, draws: int = 300) -> Interval:
    """The interval of the U-statistic of all examples, both sets drawn again."""
    a, b = (
        torch.cat(list(resampled_counts(len(s), draws, seed))).to(s.device)
        for seed, s in enumerate((x, y))
    )
    within = paired_off(x, x, a, a) + paired_off(y, y, b, b)
    return percentiles(within - 2 * paired_off(x, y, a, b))


@torch.no_grad()
def kernel_distance(
    samples: Batches,
    references: Batches,
    extractor: Features = features_as_given,
    subsets: int = 100,
    subset_size: int = 1000,
    seed: int = 0,
) -> Measurement:
    """KID of samples to references: the mean over `subsets` random subsets, and its standard error.

    Raises ValueError where a set is smaller than a subset, for NaN or different dimensions.
    """
    x, y = pair(samples, references, extractor)
    size, fewest = count("subset_size", subset_size, least=2), min(len(x), len(y))
    if size > fewest:
        raise ValueError(f"subset_size {size} is larger than the smaller set, {fewest}: lower it")
    generator = torch.Generator().manual_seed(seed)
    values = []
    for _ in range(count("subsets", subsets)):
        a, b = (
            s[torch.randperm(len(s), generator=generator)[:size].to(s.device)].double()
            for s in (x, y)
        )
        values.append(unbiased_mmd2(cubic(a, a), cubic(a, b), cubic(b, b)))
    found = torch.stack(values)
    stderr = found.std().item() * math.sqrt(size / fewest) if subsets > 1 else None
    return Measurement(
        "KID",
        found.mean().item(),
        stderr,
        len(x),
        len(y),
        **label(extractor),
        settings=f"{subsets} subsets of {size}",
        interval=bootstrap_interval(x, y),
        notes=range_notes(range_of(x), range_of(y)),
    )
