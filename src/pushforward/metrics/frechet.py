"""Frechet distance between Gaussians fitted to features; FID where these are Inception's.

    d^2 = |mu_1 - mu_2|^2 + tr S_1 + tr S_2 - 2 tr (S_1 S_2)^(1/2)

Heusel et al. (2017), arXiv:1706.08500, section 4; Dowson and Landau (1982).

With S = F F^T the trace is the nuclear norm of F_1^T F_2, because S_1 S_2 has the eigenvalues of
(F_1^T F_2)(F_1^T F_2)^T = L^T S_2 L. So a Cholesky factor and symmetric eigenvalues suffice, where
others take a general matrix root. A square root loses half of the digits of an eigenvalue near 0:
where the rounding of these could show, the singular values of F_1^T F_2 are taken instead, with
F from a pivoted Cholesky factor, which has the rank of the covariance.

Differs from the paper: nothing. The standard error is a delete-a-group jackknife.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ..core.catalogue import system
from .bootstrap import normal_interval
from .features import Batches, Features, features_as_given, range_notes
from .measurement import Measurement
from .statistics import Statistics, statistics_by_group

system(
    "fid",
    lecture=10,
    kind="metric",
    title="Frechet Inception Distance",
    paper="https://arxiv.org/abs/1706.08500",
)
BLOCK = 256
ROUNDING = 1e-9  # of the traces: the largest error accepted from square roots of eigenvalues


def congruence(lower: Tensor, matrix: Tensor) -> Tensor:
    """The lower triangle of L^T S L, a quarter of the work of two full products.

    The blocks above the diagonal are left as memory happened to be.
    """
    product = torch.empty_like(matrix)
    for a in range(0, len(matrix), BLOCK):
        # Columns a: of L are zero above row a, and only rows a: are asked for.
        half = matrix[a:, a:] @ lower[a:, a : a + BLOCK]
        for i in range(a, len(matrix), BLOCK):
            rows = lower[i:, i : i + BLOCK].T
            torch.mm(rows, half[i - a :], out=product[i : i + BLOCK, a : a + BLOCK])
    return product


def factor(covariance: Tensor) -> Tensor:
    """F of full column rank with F F^T = S (features, rank), by a pivoted Cholesky factor.

    Pivots below rounding (features x eps x the largest variance) end it: that is the rank.
    """
    from scipy.linalg.lapack import dpstrf

    packed, pivots, rank, _ = dpstrf(covariance.cpu().numpy(), lower=1)
    rows = torch.empty(len(packed), rank, dtype=covariance.dtype)
    rows[torch.from_numpy(pivots).long() - 1] = torch.from_numpy(packed).tril()[:, :rank]
    return rows.to(covariance.device)


def sum_of_roots(values: Tensor, scale: Tensor) -> float | None:
    """Sum of square roots of ascending eigenvalues; None where rounding could show beside scale."""
    # An eigenvalue is known to eps x the largest, so its root to that over twice the root.
    error = torch.finfo(values.dtype).eps * values[-1] / values.clamp(min=1e-300).sqrt()
    if values[0] <= 0 or error.sum() > ROUNDING * scale:
        return None
    return values.sqrt().sum().item()


def trace_sqrt_product(s1: Tensor, s2: Tensor) -> float:
    """Tr (S_1 S_2)^(1/2) of two covariance matrices (features, features), of any rank."""
    scale = s1.trace() + s2.trace()
    lower, failed = torch.linalg.cholesky_ex(s1)
    if not failed:
        # Transposed, its columns are whole in memory, as LAPACK wants them.
        values = torch.linalg.eigvalsh(congruence(lower, s2).T, UPLO="U")
        if (roots := sum_of_roots(values, scale)) is not None:
            return roots
    product = factor(s1).T @ factor(s2)
    return _nuclear_norm(product, scale, min(product.shape) < len(s1))


def _nuclear_norm(product: Tensor, scale: Tensor, deficient: bool) -> float:
    """The sum of singular values; of `deficient` ones by eigenvalues, where these are exact."""
    if 0 in product.shape:
        return 0.0
    if deficient:
        wide = product if len(product) < product.shape[1] else product.T
        roots = sum_of_roots(torch.linalg.eigvalsh(wide @ wide.T), scale)
        if roots is not None:
            return roots
    return torch.linalg.svdvals(product).sum().item()


def distance_between(a: Statistics, b: Statistics) -> float:
    """The squared Frechet distance of two sets of statistics; symmetric, never negative.

    Raises ValueError for statistics of different extractors, resizing or dimension.

    >>> a = Statistics(3, torch.zeros(1).double(), torch.tensor([[2.0]]).double())
    >>> b = Statistics(3, torch.ones(1).double(), torch.tensor([[8.0]]).double())
    >>> distance_between(a, b)  # (0 - 1)^2 + (1 - 2)^2
    2.0
    """
    a.check_alike(b)
    n, m = a.degrees, b.degrees
    gap = (a.mean - b.mean).square().sum() + a.scatter.trace() / n + b.scatter.trace() / m
    # Scatters in the place of covariances: a copy less, or two where the counts agree.
    other = b.scatter if n == m else b.scatter * (n / m)
    return max(0.0, gap.item() - 2 * trace_sqrt_product(a.scatter, other) / n)


def merged(parts: list[Statistics], without: int = -1) -> Statistics:
    """The sum of all parts but one."""
    chosen = [part for i, part in enumerate(parts) if i != without]
    return sum(chosen[1:], chosen[0])


def jackknife(values: list[float]) -> float:
    """The variance of a figure from its values with one of the groups left out at a time."""
    mean = sum(values) / len(values)
    return (len(values) - 1) / len(values) * sum((v - mean) ** 2 for v in values)


def jackknife_stderr(a: list[Statistics], b: list[Statistics]) -> float:
    """The standard error of the distance; a set of one group is taken as known exactly."""
    whole_a, whole_b = merged(a), merged(b)
    variance = 0.0
    if len(a) > 1:
        variance += jackknife([distance_between(merged(a, i), whole_b) for i in range(len(a))])
    if len(b) > 1:
        variance += jackknife([distance_between(whole_a, merged(b, i)) for i in range(len(b))])
    return math.sqrt(variance)


def frechet_distance(
    samples: Batches | Statistics,
    references: Batches | Statistics,
    extractor: Features = features_as_given,
    groups: int = 1,
    name: str = "Frechet distance",
) -> Measurement:
    """The Frechet distance of samples to references, streamed; statistics are taken as they are.

    `groups` of at least 2 adds a standard error, for `groups` further distances per set of data.
    Raises ValueError for NaN, fewer than two examples (per group) or different extractors.
    """
    a, b = (
        [data] if isinstance(data, Statistics) else statistics_by_group(data, extractor, groups)
        for data in (samples, references)
    )
    whole_a, whole_b = merged(a), merged(b)
    notes = whole_a.notes("samples") + whole_b.notes("references")
    notes += range_notes(whole_a.range, whole_b.range)
    if groups > 1 and len(b) == 1:
        notes += ("standard error of the samples alone",)
    value = distance_between(whole_a, whole_b)
    stderr = jackknife_stderr(a, b) if groups > 1 else None
    return Measurement(
        name,
        value,
        stderr,
        whole_a.count,
        whole_b.count,
        whole_a.extractor,
        whole_a.resize,
        notes=notes,
        interval=normal_interval(value, stderr),
    )
