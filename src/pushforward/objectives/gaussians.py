"""Divergences between Gaussians, in closed form.

    KL(p || q) = (tr(Sq^-1 Sp) + d' Sq^-1 d - D + log |Sq| / |Sp|) / 2,        d = mu_p - mu_q
    log int p^a q^(1-a) = -a (1-a)/2 d' S^-1 d - log(|S| / (|Sp|^(1-a) |Sq|^a)) / 2,
                                                                    S = (1-a) Sp + a Sq
    W2^2 = |d|^2 + tr(Sp + Sq - 2 (Sp^1/2 Sq Sp^1/2)^1/2)                      (Bures)

The second gives the whole alpha family: Hellinger, both chi-squares, Renyi. It is finite where
a Sp^-1 + (1-a) Sq^-1 is positive definite, and +inf elsewhere: Pearson's chi-square against a q
whose variance is under half of p's does not exist.

Gil, Alajaji, Linder (2013), "Renyi divergence measures for commonly used univariate continuous
distributions"; Dowson, Landau (1982) for W2. The JSD of two Gaussians has no closed form.

Means are (..., D); `scale` is (..., D) standard deviations; `cov` is (..., D, D). All return (...).
Non-positive scales and covariances that are not positive definite raise ValueError.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from . import checks


def kl_diagonal(mean_p: Tensor, scale_p: Tensor, mean_q: Tensor, scale_q: Tensor) -> Tensor:
    """KL(p || q) of diagonal Gaussians in nats, (...)."""
    checks.positive("scale_p", scale_p), checks.positive("scale_q", scale_q)
    ratio = scale_p / scale_q
    shift = (mean_p - mean_q) / scale_q
    return (ratio**2 + shift**2 - 1 - 2 * ratio.log()).sum(-1) / 2


def kl_full(mean_p: Tensor, cov_p: Tensor, mean_q: Tensor, cov_q: Tensor) -> Tensor:
    """KL(p || q) of Gaussians in nats, (...)."""
    checks.covariance("cov_p", cov_p), checks.covariance("cov_q", cov_q)
    root_p, root_q = torch.linalg.cholesky(cov_p), torch.linalg.cholesky(cov_q)
    mixed = torch.linalg.solve_triangular(root_q, root_p, upper=False)
    trace = mixed.square().sum((-2, -1))
    gap = 2 * (_half_log_det(root_q) - _half_log_det(root_p))
    return (trace + _mahalanobis(mean_p - mean_q, root_q) - mean_p.shape[-1] + gap) / 2


def _half_log_det(root: Tensor) -> Tensor:
    return root.diagonal(dim1=-2, dim2=-1).log().sum(-1)


def _mahalanobis(delta: Tensor, root: Tensor) -> Tensor:
    white = torch.linalg.solve_triangular(root, delta.unsqueeze(-1), upper=False)
    return white.square().sum((-2, -1))


def log_power_integral_diagonal(
    a: float, mean_p: Tensor, scale_p: Tensor, mean_q: Tensor, scale_q: Tensor
) -> Tensor:
    """Logarithm of int p^a q^(1-a) of diagonal Gaussians, (...); +inf where it diverges."""
    checks.positive("scale_p", scale_p), checks.positive("scale_q", scale_q)
    mixed = (1 - a) * scale_p**2 + a * scale_q**2
    exists = (mixed > 0).all(-1)
    safe = mixed.where(mixed > 0, 1.0)
    logs = safe.log() - 2 * (1 - a) * scale_p.log() - 2 * a * scale_q.log()
    terms = a * (1 - a) * (mean_p - mean_q) ** 2 / safe + logs
    return (-terms.sum(-1) / 2).where(exists, math.inf)


def log_power_integral(
    a: float, mean_p: Tensor, cov_p: Tensor, mean_q: Tensor, cov_q: Tensor
) -> Tensor:
    """Logarithm of int p^a q^(1-a) of Gaussians, (...); +inf where it diverges."""
    checks.covariance("cov_p", cov_p), checks.covariance("cov_q", cov_q)
    # In the basis where q is white and p diagonal, the integral is that of diagonal Gaussians.
    root_q = torch.linalg.cholesky(cov_q)
    half = torch.linalg.solve_triangular(root_q, cov_p, upper=False)
    white = torch.linalg.solve_triangular(root_q, half.mT, upper=False)
    variances, axes = torch.linalg.eigh((white + white.mT) / 2)
    delta = torch.linalg.solve_triangular(root_q, (mean_p - mean_q).unsqueeze(-1), upper=False)
    shift = (axes.mT @ delta).squeeze(-1)
    ones = torch.ones_like(shift)
    scale_p = variances.sqrt().expand_as(shift)
    return log_power_integral_diagonal(a, shift, scale_p, torch.zeros_like(shift), ones)


def alpha_from_power_integral(log_integral: Tensor, alpha: float) -> Tensor:
    """The alpha-divergence (alpha not 1 or -1) from log int p^a q^(1-a) at a = (1 + alpha) / 2.

    Pearson's chi-square is 2 D_3, Neyman's 2 D_-3, the squared Hellinger distance D_0 / 2; Renyi's
    divergence is `alpha.renyi` of it. Raises ValueError at the KLs.
    """
    if alpha in (1.0, -1.0):
        raise ValueError(
            f"at alpha = {alpha} the divergence is a KL: use `kl_diagonal` or `kl_full`"
        )
    return 4 / (alpha**2 - 1) * torch.expm1(log_integral)


def total_variation(mean_p: Tensor, mean_q: Tensor, cov: Tensor) -> Tensor:
    """TV of two Gaussians with one covariance, (...): erf(Mahalanobis distance / sqrt 8)."""
    checks.covariance("cov", cov)
    distance = _mahalanobis(mean_p - mean_q, torch.linalg.cholesky(cov)).sqrt()
    return torch.erf(distance / math.sqrt(8))


def wasserstein1_line(mean_p: Tensor, scale_p: Tensor, mean_q: Tensor, scale_q: Tensor) -> Tensor:
    """W1 of Gaussians on the line, elementwise: E |d + (scale_p - scale_q) Z|, a folded normal."""
    checks.positive("scale_p", scale_p), checks.positive("scale_q", scale_q)
    delta, spread = mean_p - mean_q, (scale_p - scale_q).abs()
    tiny = torch.finfo(delta.dtype).tiny
    z = delta / spread.clamp(min=tiny)
    return spread * math.sqrt(2 / math.pi) * torch.exp(-(z**2) / 2) + delta * torch.erf(
        z / math.sqrt(2)
    )


def wasserstein2_diagonal(
    mean_p: Tensor, scale_p: Tensor, mean_q: Tensor, scale_q: Tensor
) -> Tensor:
    """W2 (not squared) of diagonal Gaussians, (...)."""
    checks.positive("scale_p", scale_p), checks.positive("scale_q", scale_q)
    return ((mean_p - mean_q) ** 2 + (scale_p - scale_q) ** 2).sum(-1).sqrt()


def wasserstein2_full(mean_p: Tensor, cov_p: Tensor, mean_q: Tensor, cov_q: Tensor) -> Tensor:
    """W2 (not squared) of Gaussians, (...), by the Bures distance of their covariances."""
    checks.covariance("cov_p", cov_p), checks.covariance("cov_q", cov_q)
    values, axes = torch.linalg.eigh(cov_p)
    root = (axes * values.clamp(min=0).sqrt().unsqueeze(-2)) @ axes.mT
    cross = torch.linalg.eigvalsh(root @ cov_q @ root).clamp(min=0).sqrt().sum(-1)
    traces = (cov_p + cov_q).diagonal(dim1=-2, dim2=-1).sum(-1)
    squared = ((mean_p - mean_q) ** 2).sum(-1) + traces - 2 * cross
    return squared.clamp(min=0).sqrt()
