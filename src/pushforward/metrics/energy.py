"""Energy distance: how much farther apart two sets are than each is spread; permutation test.

    D = 2 E|x - y| - E|x - x'| - E|y - y'|

Szekely and Rizzo (2013), Energy statistics, eq. 2. Zero only where the distributions are equal;
never negative; no bandwidth. It is the MMD of the kernel -|x - y| (Sejdinovic et al., 2013,
arXiv:1207.6076). The plain averages over all pairs (V-statistic) are taken, so it is biased
upwards by E|x - x'| / n + E|y - y'| / m. In one dimension it is the square of scipy's
`energy_distance`.
"""

from __future__ import annotations

import torch

from .features import Batches, Features, features_as_given, label, pair
from .measurement import Measurement
from .two_sample import kernel_sums, noted


@torch.no_grad()
def energy_distance(
    samples: Batches,
    references: Batches,
    extractor: Features = features_as_given,
    permutations: int = 0,
    seed: int = 0,
) -> Measurement:
    """The energy distance; with `permutations`, a p-value stands in the notes.

    Raises ValueError for NaN, different dimensions or fewer than two examples.
    """
    x, y = pair(samples, references, extractor)
    xx, xy, yy = kernel_sums(torch.cdist, x, y, permutations, seed)
    n, m = len(x), len(y)
    found = 2 * xy / (n * m) - xx / n**2 - yy / m**2
    notes = noted(found, permutations)
    value = max(0.0, found[0].item())
    return Measurement("energy distance", value, None, n, m, notes=notes, **label(extractor))
