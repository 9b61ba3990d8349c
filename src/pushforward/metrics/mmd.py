"""Maximum mean discrepancy under a Gaussian kernel, with a permutation test.

    k(x, y) = exp(-|x - y|^2 / (2 s^2)),    s = median distance of the examples (where not given)
    MMD^2 = mean_{i != j} k(x_i, x_j) + mean_{i != j} k(y_i, y_j) - 2 mean_{i, j} k(x_i, y_j)

Gretton et al. (2012), A kernel two-sample test, JMLR 13, eq. 3 and section 8 (the median). Zero
only where the distributions are equal; unbiased, so it may be negative.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .features import Batches, Features, features_as_given, label, pair
from .measurement import Measurement
from .two_sample import kernel_sums, noted

MEDIAN_OF = 1000


def median_distance(x: Tensor, y: Tensor) -> float:
    """The median distance between examples of both sets, at most 500 evenly spaced of each.

    Raises ValueError where it is 0: most examples coincide.
    """
    some = [s[:: max(1, -(-2 * len(s) // MEDIAN_OF))] for s in (x, y)]
    median = torch.pdist(torch.cat(some).double()).median().item()
    if median == 0:
        raise ValueError("the median distance is 0: give a bandwidth")
    return median


@torch.no_grad()
def gaussian_mmd(
    samples: Batches,
    references: Batches,
    extractor: Features = features_as_given,
    bandwidth: float | None = None,
    permutations: int = 0,
    seed: int = 0,
) -> Measurement:
    """Unbiased squared MMD; with `permutations`, a p-value stands in the notes.

    Raises ValueError for NaN, different dimensions, or a bandwidth that is not positive.
    """
    x, y = pair(samples, references, extractor)
    width = median_distance(x, y) if bandwidth is None else bandwidth
    if not width > 0:
        raise ValueError(f"a bandwidth must be positive, not {bandwidth}")

    def kernel(a: Tensor, b: Tensor) -> Tensor:
        return torch.cdist(a, b).square_().mul_(-0.5 / width**2).exp_()

    xx, xy, yy = kernel_sums(kernel, x, y, permutations, seed)
    n, m = len(x), len(y)
    # The diagonal, n or m ones, is taken out.
    found = (xx - n) / (n * (n - 1)) + (yy - m) / (m * (m - 1)) - 2 * xy / (n * m)
    about = {**label(extractor), "settings": f"bandwidth {width:.6g}"}
    notes = noted(found, permutations)
    return Measurement("MMD^2", found[0].item(), None, n, m, notes=notes, **about)
