"""What a Frechet distance of zero means: two moments agree, and nothing else is said.

    FID(p, q) = |mu_p - mu_q|^2 + tr S_p + tr S_q - 2 tr (S_p S_q)^(1/2)

is a function of means and covariances. It is zero exactly where both agree: between two Gaussians
only where they are the same, between other distributions whatever their shapes. It is a lower bound
on what it is named after,

    FID(p, q) <= W2(p, q)^2                                                     (Gelbrich, 1990)

and equal to it where q is an affine image of p, as Gaussians are of one another. Features of deep
networks are not Gaussian: a set of 2 d points can have the moments of any data.

Heusel et al. (2017), arXiv:1706.08500, section 4; Dowson and Landau (1982); Gelbrich (1990), On a
formula for the L2 Wasserstein metric, theorem 2.1.
"""

from __future__ import annotations

import torch
from torch import Tensor

from pushforward.core.catalogue import system
from pushforward.objectives import checks

system(
    "equal-moments",
    lecture=10,
    kind="theory",
    title="When the Frechet distance is zero: equal moments, not equal distributions",
    paper="Dowson, Landau (1982); Gelbrich (1990)",
)


def frechet_of_moments(mean1: Tensor, cov1: Tensor, mean2: Tensor, cov2: Tensor) -> Tensor:
    """The Frechet distance of means (d,) and covariances (d, d), ().

    Raises ValueError where a covariance is not positive definite.
    """
    checks.same_shape(mean1=mean1, mean2=mean2)
    checks.same_shape(cov1=cov1, cov2=cov2)
    checks.covariance("cov1", cov1), checks.covariance("cov2", cov2)
    half = torch.linalg.cholesky(cov1)
    roots = torch.linalg.eigvalsh(half.mT @ cov2 @ half).clamp(min=0).sqrt().sum()
    return (mean1 - mean2).square().sum() + cov1.trace() + cov2.trace() - 2 * roots


def sigma_points(mean: Tensor, cov: Tensor, degrees: int | None = None) -> Tensor:
    """2 d points (2 d, d) whose mean is `mean` (d,) and whose covariance is `cov` (d, d).

    mean +- sqrt(d) L_i, with the columns of L L^T = cov. `degrees` is what scatters are divided by
    where it is not 2 d: 2 d - 1 of an unbiased estimate. Raises ValueError where the covariance is
    not positive definite.
    """
    checks.covariance("cov", cov)
    d = len(mean)
    factor = torch.linalg.cholesky(cov).mT * (d if degrees is None else degrees / 2) ** 0.5
    return mean + torch.cat([factor, -factor])
