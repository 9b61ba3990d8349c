"""Log-densities of vectors, one dimension after the other.

    log p(z) = sum_j log p(z_j | z_1 .. z_{j-1})

Exact for normals (diagonal or not) and their mixtures, and for whatever says it itself by a method
`log_prob_each`. Free bits count the rate of each dimension by it:

    rate_j = E_q[ log q(z_j | z_<j, x) - log p(z_j | z_<j) ],   sum_j rate_j = KL(q || p)

Mixtures: log p(z_j | z_<j) is the logarithm of what the first j dimensions make of all components,
less that of the first j - 1.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.distributions import (
    Categorical,
    Independent,
    MixtureSameFamily,
    MultivariateNormal,
    Normal,
)


def log_prob_each(d: Any, z: Tensor, *conditions: Tensor) -> Tensor | None:
    """Log p of each dimension of `z` (..., D) given those before it, in nats, (..., D).

    `d` is a distribution over vectors, or a density, which is given its `conditions` too. None for
    one that does not split.
    """
    if (own := getattr(d, "log_prob_each", None)) is not None:
        return own(z, *conditions)
    if isinstance(d, Independent) and isinstance(d.base_dist, Normal) and len(d.event_shape) == 1:
        return d.base_dist.log_prob(z)
    if isinstance(d, MultivariateNormal):
        return _of_triangle(d, z)
    if isinstance(d, MixtureSameFamily) and isinstance(d.mixture_distribution, Categorical):
        each = log_prob_each(d.component_distribution, z[..., None, :])
        return None if each is None else mixed(d.mixture_distribution.logits, each)
    return None


def _of_triangle(d: MultivariateNormal, z: Tensor) -> Tensor:
    """z = m + L e: given those before it, z_j is a normal of scale L_jj."""
    lower, apart = d.scale_tril, (z - d.loc)[..., None]
    batch = torch.broadcast_shapes(lower.shape[:-2], apart.shape[:-2])
    lower, apart = lower.expand(*batch, -1, -1), apart.expand(*batch, -1, -1)
    noise = torch.linalg.solve_triangular(lower, apart, upper=False)[..., 0]
    return normal_log_prob(noise) - lower.diagonal(dim1=-2, dim2=-1).log()


def mixed(logits: Tensor, each: Tensor) -> Tensor:
    """Log p of each dimension under a mixture, (..., D), of its components' (..., K, D)."""
    before = logits.log_softmax(-1)[..., None] + each.cumsum(-1) - each
    return (before + each).logsumexp(-2) - before.logsumexp(-2)


def normal_log_prob(noise: Tensor) -> Tensor:
    """Log N(0, 1) of every number."""
    return -noise.square() / 2 - math.log(2 * math.pi) / 2
