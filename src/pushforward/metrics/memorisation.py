"""Does a model copy its training set? Samples should be as far from it as held-out data are.

    L(x) = min_{t in train} |x - t|
    share_closer = P( L(sample) < L(held-out) ) + P( L(sample) = L(held-out) ) / 2
    Z = (U - n m / 2) / sqrt(n m (n + m + 1) / 12),  U = #{(q, p) : L(q) > L(p)}
    C_T = sum_c P(c) Z_c / sum_c P(c)   over the cells c that hold enough samples

Meehan, Chaudhuri, Dasgupta (2020), arXiv:2004.05675, section 3, eqs. 1-2: cells are k-means
clusters of the training set, P(c) the share of held-out data in one. C_T well below 0 is copying,
well above 0 underfitting; |C_T| < 3 is no sign of either. One cell is the global test.

Differs from the paper's code: L is the distance to the whole training set, as in its text, not to
the part of it in the cell; equal distances count half.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ..core.spaces import count
from .bootstrap import bootstrap_pairs
from .features import Batches, Features, collect, features_as_given, label, pair, together
from .measurement import Measurement
from .neighbours import nearest_features


class Memorisation(NamedTuple):
    """The share of pairs where the sample is nearer to the training set (1/2: like held-out data)
    and C_T (below -3: copies).
    """

    share_closer: Measurement
    c_t: Measurement


def count_farther(q: Tensor, p: Tensor) -> float:
    """U: how many pairs (q, p) have q > p, equal ones as halves."""
    q, order = q.contiguous(), p.sort().values
    below = torch.searchsorted(order, q)
    up_to = torch.searchsorted(order, q, right=True)
    return (below + up_to).sum().item() / 2


def closer(q: Tensor, p: Tensor) -> float:
    """The share of pairs (q, p) with q < p, equal ones as halves."""
    return 1 - count_farther(q, p) / (len(q) * len(p))


def mann_whitney_z(q: Tensor, p: Tensor) -> float:
    """The Mann-Whitney statistic in standard deviations; negative where q is smaller."""
    n, m = len(q), len(p)
    return (count_farther(q, p) - n * m / 2) / (n * m * (n + m + 1) / 12) ** 0.5


def cells_of(train: Tensor, cells: int, seed: int, sets: tuple[Tensor, ...]) -> list[Tensor]:
    """The cell (n,) of every row of every set, by k-means on the training set."""
    if cells == 1:
        return [torch.zeros(len(s), dtype=torch.long) for s in sets]
    from sklearn.cluster import KMeans

    means = KMeans(cells, n_init=1, random_state=seed).fit(train.cpu().numpy())
    return [torch.from_numpy(means.predict(s.cpu().numpy())).long() for s in sets]


@torch.no_grad()
def memorisation_test(
    samples: Batches,
    train: Batches,
    held_out: Batches,
    extractor: Features = features_as_given,
    cells: int = 1,
    least_share: float = 0.0,
    seed: int = 0,
) -> Memorisation:
    """The memorisation test of samples; cells with less than `least_share` of them are left out.

    Raises ValueError for NaN, different dimensions, or where no cell holds samples and held-out
    data.
    """
    x, t = pair(samples, train, extractor)
    p, _ = together(collect(held_out, extractor), t)
    near_x, near_p = (nearest_features(s, t)[0][:, 0].cpu() for s in (x, p))
    cell_x, cell_p = cells_of(t, count("cells", cells), seed, (x, p))
    found = []
    for c in range(cells):
        q, r = near_x[cell_x == c], near_p[cell_p == c]
        if len(q) and len(r) and len(q) >= least_share * len(x):
            found.append((len(r), mann_whitney_z(q, r)))
    if not found:
        raise ValueError("no cell holds both samples and held-out data: lower cells or least_share")
    c_t = sum(n * z for n, z in found) / sum(n for n, _ in found)
    share = closer(near_x, near_p)
    used = () if len(found) == cells else (f"{cells - len(found)} of {cells} cells left out",)
    about = {**label(extractor), "notes": used}
    held = f"{len(p)} held out"
    return Memorisation(
        Measurement(
            "share closer",
            share,
            None,
            len(x),
            len(t),
            settings=held,
            interval=bootstrap_pairs(closer, near_x, near_p),
            **about,
        ),
        Measurement("C_T", c_t, None, len(x), len(t), settings=f"{held}, {cells} cells", **about),
    )
