"""Precision and recall by k nearest neighbours: is a sample like real data, is real data covered?

    r_k(y, Y) = distance of y to its k-th nearest other point of Y
    precision = share of samples x with   |x - y| <= r_k(y, Y)  for some real y
    recall    = share of real data y with |y - x| <= r_k(x, X)  for some sample x

Kynkaanniemi et al. (2019), arXiv:1904.06991, eqs. 1-2. The paper takes k = 3 and 50,000 of each.

    density   = 1 / (k n) sum_x #{y : |x - y| <= r_k(y, Y)}
    coverage  = share of real data y with |x - y| <= r_k(y, Y)  for some sample x

Naeem et al. (2020), arXiv:2002.09797, eqs. 3-4. The paper takes k = 5. Density weighs by how many
balls hold a sample (it may exceed 1), coverage measures round real data only, so that one outlying
sample does not earn recall.

All four come from passes over blocks of the distance matrices: nothing of size n x n is held.
Differs from the papers: distances come from matrix products of centred features in the features'
own precision; a ball holds its border, in density and coverage too.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ..core.catalogue import system
from .features import Batches, Features, features_as_given, label, pair
from .measurement import Measurement
from .neighbours import CHUNK, blocks, check_k, squared_norms

system(
    "precision-recall",
    lecture=10,
    kind="metric",
    title="Precision and recall by nearest neighbours",
    paper="https://arxiv.org/abs/1904.06991",
)
system(
    "density-coverage",
    lecture=10,
    kind="metric",
    title="Density and coverage",
    paper="https://arxiv.org/abs/2002.09797",
)


class PrecisionRecall(NamedTuple):
    """Precision (are samples real?) and recall (is real data covered?), each in [0, 1]."""

    precision: Measurement
    recall: Measurement


class DensityCoverage(NamedTuple):
    """Density (1 where the two sets are alike, not bounded) and coverage in [0, 1]."""

    density: Measurement
    coverage: Measurement


def squared_radii(x: Tensor, k: int) -> Tensor:
    """Squared distance of every row to its k-th nearest other row (n,)."""
    check_k(k, len(x) - 1)
    norms = squared_norms(x)
    best = torch.full((len(x), k), torch.inf, dtype=x.dtype, device=x.device)

    def offer(start: int, block: Tensor) -> None:
        mine = slice(start, start + len(block))
        near = block.topk(min(k, block.shape[1]), largest=False).values
        best[mine] = torch.cat([best[mine], near], 1).topk(k, largest=False).values

    for row in range(0, len(x), CHUNK):
        chunk, a = x[row : row + CHUNK], norms[row : row + CHUNK]
        for column in range(row, len(x), CHUNK):  # the matrix is symmetric: half of it will do
            y, b = x[column : column + CHUNK], norms[column : column + CHUNK]
            block = torch.addmm(b, chunk, y.T, alpha=-2).add_(a.unsqueeze(1))
            if row == column:
                block.fill_diagonal_(torch.inf)
            else:
                offer(column, block.T)
            offer(row, block)
    return best[:, -1].clamp(min=0)


class Balls(NamedTuple):
    """What falls into which ball: counts per sample of real balls, and hits both ways."""

    real_balls_of_sample: Tensor
    real_ball_is_hit: Tensor
    sample_balls_of_real: Tensor


def count_balls(x: Tensor, y: Tensor, x_radii: Tensor | None, y_radii: Tensor) -> Balls:
    """One pass over the distances of samples x to real data y, with squared radii."""
    of_x = torch.zeros(len(x), dtype=torch.long, device=x.device)
    hit, of_y = (torch.zeros(len(y), dtype=torch.long, device=x.device) for _ in range(2))
    norms = squared_norms(x)
    for row, column, block in blocks(x, y):
        rows = slice(row, row + block.shape[0])
        columns = slice(column, column + block.shape[1])
        block += norms[rows].unsqueeze(1)
        inside = block <= y_radii[columns]
        of_x[rows] += inside.sum(1)
        hit[columns] += inside.sum(0)
        if x_radii is not None:
            of_y[columns] += (block <= x_radii[rows].unsqueeze(1)).sum(0)
    return Balls(of_x, hit, of_y)


def centred_pair(
    samples: Batches, references: Batches, extractor: Features
) -> tuple[Tensor, Tensor]:
    """Features of both sets about the mean of the references: products then cancel less."""
    x, y = pair(samples, references, extractor)
    centre = y.mean(0)
    return x - centre, y - centre


@torch.no_grad()
def precision_and_recall(
    samples: Batches, references: Batches, extractor: Features = features_as_given, k: int = 3
) -> PrecisionRecall:
    """Improved precision and recall; swapping the first two arguments swaps the two.

    Raises ValueError for NaN, different dimensions, or k not below the size of either set.
    """
    x, y = centred_pair(samples, references, extractor)
    balls = count_balls(x, y, squared_radii(x, k), squared_radii(y, k))
    about = {**label(extractor), "settings": f"k={k}", "notes": unequal(x, y)}
    return PrecisionRecall(
        share("precision", balls.real_balls_of_sample > 0, x, y, about),
        share("recall", balls.sample_balls_of_real > 0, x, y, about),
    )


@torch.no_grad()
def density_and_coverage(
    samples: Batches, references: Batches, extractor: Features = features_as_given, k: int = 5
) -> DensityCoverage:
    """Density and coverage: balls round the references alone.

    Raises ValueError for NaN, different dimensions, or k not below the number of references.
    """
    x, y = centred_pair(samples, references, extractor)
    balls = count_balls(x, y, None, squared_radii(y, k))
    about = {**label(extractor), "settings": f"k={k}", "notes": unequal(x, y)}
    return DensityCoverage(
        share("density", balls.real_balls_of_sample / k, x, y, about),
        share("coverage", balls.real_ball_is_hit > 0, x, y, about),
    )


def unequal(x: Tensor, y: Tensor) -> tuple[str, ...]:
    """A note where the two sets differ in size: radii then differ by that alone."""
    if len(x) == len(y):
        return ()
    return (f"sets of unequal size ({len(x)} and {len(y)}): radii shrink with the size of a set",)


def share(name: str, each: Tensor, x: Tensor, y: Tensor, about: dict) -> Measurement:
    """The mean over examples, with the standard error of a mean (balls taken as given)."""
    value = each.double()
    error = (value.std(correction=0) / len(each) ** 0.5).item()
    mean = value.mean().item()
    return Measurement(name, mean, error, len(x), len(y), higher_is_better=True, **about)
