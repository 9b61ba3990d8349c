"""k-means++: where to put the centres of clusters before anything is known of them.

    p(x_n is the next centre) = D(x_n)^2 / sum_m D(x_m)^2,    D the distance to the nearest so far

Centres that are far apart from the start are in expectation within 8 (log k + 2) times the least
sum of squares.

k-means++: The Advantages of Careful Seeding (Arthur & Vassilvitskii, 2007), theorem 1.1.
"""

from __future__ import annotations

import torch
from torch import Tensor


def distances(x: Tensor, centres: Tensor) -> Tensor:
    """Squared Euclidean distances (points, centres)."""
    return torch.cdist(x, centres, compute_mode="donot_use_mm_for_euclid_dist").square()


def plus_plus(x: Tensor, k: int) -> Tensor:
    """`k` of the points `x`, each drawn in proportion to the squared distance from the former.

    Where all points coincide with one that was drawn, any point is drawn.
    """
    chosen = [x[torch.randint(len(x), (1,), device=x.device)]]
    near = distances(x, chosen[0])[:, 0]
    for _ in range(k - 1):
        weights = near if near.sum() > 0 else torch.ones_like(near)
        # By the inverse of the cumulative sum: multinomial takes at most 2^24 points.
        place = weights.cumsum(0)
        drawn = torch.rand(1, device=x.device, dtype=x.dtype) * place[-1]
        chosen.append(x[torch.searchsorted(place, drawn, right=True).clamp_max(len(x) - 1)])
        near = torch.minimum(near, distances(x, chosen[-1])[:, 0])
    return torch.cat(chosen)
