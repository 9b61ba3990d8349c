"""Distances by comparing samples with one another: MMD and energy distance.

    MMD^2(p, q) = E k(x, x') - 2 E k(x, y) + E k(y, y')        for a positive definite kernel k
    energy(p, q) = 2 E|x - y| - E|x - x'| - E|y - y'|          = MMD^2 with the kernel -|x - y|

Over independent pairs the U-statistics (without x = x') are unbiased and may be negative; the
V-statistics (with it) are at least 0, and too large by a term of order 1/n.

A Kernel Two-Sample Test (Gretton et al., 2012), JMLR 13, lemma 6, eqs. 3 and 5;
Szekely, Rizzo (2013), "Energy statistics: a class of statistics based on distances".
scipy's `energy_distance` is the square root of ours.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from pushforward.core.catalogue import system

from . import checks

system(
    "mmd",
    lecture=1,
    kind="objective",
    title="Maximum mean discrepancy and energy distance",
    paper="Gretton et al. (2012), JMLR 13",
)

Kernel = Callable[[Tensor, Tensor], Tensor]
"""(n, features), (m, features) -> (n, m)."""


def squared_distances(x: Tensor, y: Tensor) -> Tensor:
    """|x_i - y_j|^2, (n, m), of (n, features) and (m, features), never negative."""
    # Distances to a common centre are short, so that the product below cancels little.
    centre = y.mean(0)
    x, y = x - centre, y - centre
    squares = x.square().sum(-1)[:, None] + y.square().sum(-1)
    return (squares - 2 * x @ y.mT).clamp(min=0)


def gaussian(*bandwidths: float) -> Kernel:
    """sum_s exp(-|x - y|^2 / 2 s^2): the mean map of any distribution determines it."""
    scales = [checks.positive_number("a bandwidth", s) for s in bandwidths or (1.0,)]
    return lambda x, y: _total(
        torch.exp, squared_distances(x, y), [-1 / (2 * s**2) for s in scales]
    )


def _total(function: Callable[[Tensor], Tensor], squared: Tensor, rates: list[float]) -> Tensor:
    result = function(squared * rates[0])
    for rate in rates[1:]:
        result = result + function(squared * rate)
    return result


def rational_quadratic(*shapes: float) -> Kernel:
    """sum_a (1 + |x - y|^2 / 2a)^-a: Gaussians of all bandwidths mixed, so no one scale is picked.

    By default the shapes of MMD GANs (Binkowski et al., 2018), arXiv:1801.01401: .2 .5 1 2 5.
    """
    chosen = [checks.positive_number("a shape", a) for a in shapes or (0.2, 0.5, 1.0, 2.0, 5.0)]

    def kernel(x: Tensor, y: Tensor) -> Tensor:
        squared = squared_distances(x, y)
        return torch.stack([(1 + squared / (2 * a)) ** -a for a in chosen]).sum(0)

    return kernel


def polynomial(degree: int = 3) -> Kernel:
    """(x.y / features + 1)^degree: KID's with degree 3. It sees moments up to the degree only."""
    return lambda x, y: (x @ y.mT / x.shape[-1] + 1) ** degree


def negative_distance(x: Tensor, y: Tensor) -> Tensor:
    """-|x - y|, conditionally positive definite: its MMD^2 is the energy distance."""
    return -torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist")


def median_bandwidth(x: Tensor, y: Tensor) -> float:
    """The median distance between different points of both samples: a usual Gaussian bandwidth."""
    x, y = checks.two_samples(x, y, least=2)
    distances = torch.nn.functional.pdist(torch.cat([x, y]))
    return distances.median().item()


def mmd2(x: Tensor, y: Tensor, kernel: Kernel) -> Tensor:
    """The unbiased MMD^2 of samples (n, ...) and (m, ...), n, m >= 2: a scalar, maybe negative."""
    x, y = checks.two_samples(x, y, least=2)
    return (
        _without_diagonal(kernel(x, x)) + _without_diagonal(kernel(y, y)) - 2 * kernel(x, y).mean()
    )


def mmd2_biased(x: Tensor, y: Tensor, kernel: Kernel) -> Tensor:
    """The V-statistic, at least 0: the MMD^2 of the two empirical distributions, a scalar."""
    x, y = checks.two_samples(x, y)
    return kernel(x, x).mean() + kernel(y, y).mean() - 2 * kernel(x, y).mean()


def _without_diagonal(gram: Tensor) -> Tensor:
    n = len(gram)
    return (gram.sum() - gram.diagonal().sum()) / (n * (n - 1))


def energy_distance(x: Tensor, y: Tensor) -> Tensor:
    """2 E|x - y| - E|x - x'| - E|y - y'| of the empirical distributions, a scalar >= 0."""
    return mmd2_biased(x, y, negative_distance)


def energy_distance_unbiased(x: Tensor, y: Tensor) -> Tensor:
    """The same without pairs of a point and itself: unbiased for p and q, maybe negative."""
    return mmd2(x, y, negative_distance)
