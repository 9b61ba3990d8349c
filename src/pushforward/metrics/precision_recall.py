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
from . import neighbours
from .bootstrap import bootstrap_mean
from .features import (
    Batches,
    Features,
    features_as_given,
    label,
    pair,
    range_notes,
    range_of,
)
from .measurement import Measurement
from .neighbours import blocks, check_k, smallest, squared_norms

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
    best = torch.full((k, len(x)), torch.inf, dtype=x.dtype, device=x.device)

    def offer(mine: slice, block: Tensor) -> None:
        best[:, mine] = smallest(torch.cat([best[:, mine], smallest(block, k)]), k)

    for row in range(0, len(x), neighbours.CHUNK):
        # The matrix is symmetric: what lies right of the diagonal will do, seen both ways.
        for rows, columns, block in blocks(x[row : row + neighbours.CHUNK], x[row:], norms[row:]):
            block += norms[row:][rows].unsqueeze(1)
            seen = 0 if columns.start else rows.stop
            if seen:
                block.fill_diagonal_(torch.inf)
            offer(slice(row, row + rows.stop), block.T)
            if seen < block.shape[1]:
                others = slice(row + columns.start + seen, row + columns.stop)
                offer(others, block[:, seen:])
    return best[-1].clamp(min=0)


class Margins(NamedTuple):
    """How far inside a ball each point is: at most 0 where some ball holds it."""

    of_samples: Tensor
    of_real: Tensor


def margins(x: Tensor, y: Tensor, x_radii: Tensor, y_radii: Tensor) -> Margins:
    """Min_j |x_i - y_j|^2 - r(y_j) (n,) and min_i |x_i - y_j|^2 - r(x_i) (m,), squared radii r.

    What does not depend on the index of a minimum is added after it.
    """
    x_norms, y_norms = squared_norms(x), squared_norms(y)
    of_x, of_y = torch.full_like(x_norms, torch.inf), torch.full_like(y_norms, torch.inf)
    for rows, columns, block in blocks(x, y, y_norms - y_radii):
        of_x[rows] = torch.minimum(of_x[rows], block.amin(1))
        block += (x_norms - x_radii)[rows].unsqueeze(1)
        of_y[columns] = torch.minimum(of_y[columns], block.amin(0))
    return Margins(of_x + x_norms, of_y + y_radii)


def count_balls(x: Tensor, y: Tensor, y_radii: Tensor) -> tuple[Tensor, Tensor]:
    """How many balls of real data y hold each sample x (n,), and how many samples each holds."""
    of_x = torch.zeros(len(x), dtype=torch.long, device=x.device)
    of_y = torch.zeros(len(y), dtype=torch.long, device=x.device)
    x_norms = squared_norms(x)
    for rows, columns, block in blocks(x, y, squared_norms(y) - y_radii):
        inside = block.add_(x_norms[rows].unsqueeze(1)) <= 0
        of_x[rows] += inside.sum(1)
        of_y[columns] += inside.sum(0)
    return of_x, of_y


def centred_pair(
    samples: Batches, references: Batches, extractor: Features
) -> tuple[Tensor, Tensor, tuple[str, ...]]:
    """Features of both sets about the mean of the references: products then cancel less.

    Also a warning where they hardly can be on one scale.
    """
    x, y = pair(samples, references, extractor)
    centre = y.mean(0)
    return x - centre, y - centre, range_notes(range_of(x), range_of(y))


@torch.no_grad()
def precision_and_recall(
    samples: Batches, references: Batches, extractor: Features = features_as_given, k: int = 3
) -> PrecisionRecall:
    """Improved precision and recall; swapping the first two arguments swaps the two.

    Raises ValueError for NaN, different dimensions, or k not below the size of either set.
    """
    x, y, ranges = centred_pair(samples, references, extractor)
    least = margins(x, y, squared_radii(x, k), squared_radii(y, k))
    about = {**label(extractor), "settings": f"k={k}", "notes": unequal(x, y) + ranges}
    return PrecisionRecall(
        share("precision", least.of_samples <= 0, x, y, about),
        share("recall", least.of_real <= 0, x, y, about),
    )


@torch.no_grad()
def density_and_coverage(
    samples: Batches, references: Batches, extractor: Features = features_as_given, k: int = 5
) -> DensityCoverage:
    """Density and coverage: balls round the references alone.

    Raises ValueError for NaN, different dimensions, or k not below the number of references.
    """
    x, y, ranges = centred_pair(samples, references, extractor)
    of_samples, of_real = count_balls(x, y, squared_radii(y, k))
    about = {**label(extractor), "settings": f"k={k}", "notes": unequal(x, y) + ranges}
    return DensityCoverage(
        share("density", of_samples / k, x, y, about),
        share("coverage", of_real > 0, x, y, about),
    )


def unequal(x: Tensor, y: Tensor) -> tuple[str, ...]:
    """A note where the two sets differ in size: radii then differ by that alone."""
    if len(x) == len(y):
        return ()
    return (f"sets of unequal size ({len(x)} and {len(y)}): radii shrink with the size of a set",)


def share(name: str, each: Tensor, x: Tensor, y: Tensor, about: dict) -> Measurement:
    """The mean over examples; its error and bootstrap over examples take the balls as given."""
    value = each.double()
    error = (value.std(correction=0) / len(each) ** 0.5).item()
    mean = value.mean().item()
    reach = bootstrap_mean(value)
    return Measurement(
        name, mean, error, len(x), len(y), higher_is_better=True, interval=reach, **about
    )
