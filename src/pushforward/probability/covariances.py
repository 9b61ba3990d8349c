"""Families of covariance matrices for `components` Gaussians, each held as one free tensor.

    x = m + L y,  y ~ N(0, I),    log N(x; m, L L^T) = -|y|^2/2 - log|L| - (d/2) log 2 pi

Every family says what its tensor holds (logarithms where a number must be positive, so that the
tensor may be moved by gradient), and fits it to the moments that EM collects. Moments are taken in
the whitened coordinates y of the present estimate,

    a = sum_n r_n y_n / N,    A = sum_n r_n y_n y_n^T / N
    new covariance = L (A - a a^T) L^T + eps I

so that nothing is subtracted from a large number, even in float32. `eps`, the regularisation, is
what keeps a covariance invertible when a component sits on too few points or a feature is constant:
with it no direction has less variance than eps, and what rounding takes below that is put back.
Without it a variance that could be the rounding of A alone is taken for none.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

from ..core.blueprint import Component


class Whitening(Protocol):
    """How every component sees data."""

    def __call__(self, x: Tensor, out: Tensor | None = None) -> Tensor:
        """y = L^-1 (x - m), (n, K, d), of `x` (n, d); written to `out` where it is given."""


class Covariance(Component, ABC):
    """A family of covariances. K components, d features, `raw` of `shape(K, d)`."""

    def __init__(self) -> None:
        super().__init__()

    @abstractmethod
    def shape(self, components: int, features: int) -> tuple[int, ...]:
        """Shape of `raw`; all zeros are unit covariances."""

    @abstractmethod
    def whitening(self, raw: Tensor, means: Tensor) -> Whitening:
        """L^-1 (x - m) of components with `means` (K, d)."""

    @abstractmethod
    def colour(self, raw: Tensor, y: Tensor) -> Tensor:
        """`y` (K, n, d) to L y."""

    @abstractmethod
    def log_det(self, raw: Tensor, features: int) -> Tensor:
        """The logarithm of |L|, (K,) or (1,)."""

    @abstractmethod
    def second_moment(self, y: Tensor) -> Tensor:
        """The part of sum_n y_n y_n^T that the family needs; `y` is (n, K, d)."""

    @abstractmethod
    def fit(self, raw: Tensor, a: Tensor, second: Tensor, counts: Tensor, eps: float) -> Tensor:
        """The `raw` that maximises the expected likelihood.

        `a` (K, d) is the mean of y, `second` the sum of `second_moment`, `counts` (K,) the N.
        Raises ValueError where a covariance is singular and `eps`, the regularisation, is 0 or too
        small for the precision.
        """


class FullCovariance(Covariance):
    """A covariance for every component, held as its Cholesky factor."""

    def shape(self, components: int, features: int) -> tuple[int, ...]:
        """(K, d, d)."""
        return (components, features, features)

    def whitening(self, raw: Tensor, means: Tensor) -> Whitening:
        """One product for all components: of (x - their centre, 1) with (L^-1, -L^-1 m)."""
        unit = torch.eye(raw.shape[-1], dtype=raw.dtype, device=raw.device)
        inverse = torch.linalg.solve_triangular(factor(raw), unit, upper=False)
        centre = means.mean(0)  # taken off first, so that a far origin costs no digits
        shift = inverse @ (means - centre)[..., None]
        every = torch.cat([inverse.expand(len(means), -1, -1), -shift], -1).flatten(0, 1)

        def whiten(x: Tensor, out: Tensor | None = None) -> Tensor:
            flat = None if out is None else out.flatten(1)
            seen = F.pad(x - centre, (0, 1), value=1.0)
            return torch.mm(seen, every.T, out=flat).unflatten(1, means.shape)

        return whiten

    def colour(self, raw: Tensor, y: Tensor) -> Tensor:
        """`y` (K, n, d) to L y."""
        return y @ factor(raw).mT

    def log_det(self, raw: Tensor, features: int) -> Tensor:
        """The logarithm of |L|, (K,) or (1,)."""
        return raw.diagonal(dim1=-2, dim2=-1).sum(-1)

    def second_moment(self, y: Tensor) -> Tensor:
        """(K, d, d)."""
        return y.permute(1, 2, 0) @ y.transpose(0, 1)

    def fit(self, raw: Tensor, a: Tensor, second: Tensor, counts: Tensor, eps: float) -> Tensor:
        """Covariances of the points of each component."""
        moment = second / counts[:, None, None]
        return refactored(raw, moment, a[:, :, None] * a[:, None, :], counts, eps)


class TiedCovariance(FullCovariance):
    """One covariance that all components share."""

    def shape(self, components: int, features: int) -> tuple[int, ...]:
        """(1, d, d)."""
        return (1, features, features)

    def fit(self, raw: Tensor, a: Tensor, second: Tensor, counts: Tensor, eps: float) -> Tensor:
        """The mean of the components' covariances, weighted by their points."""
        total = counts.sum(0, keepdim=True)
        between = (a * counts[:, None]).mT @ a / total
        return refactored(raw, (second.sum(0) / total)[None], between[None], total, eps)


class DiagonalCovariance(Covariance):
    """A variance for every component and feature."""

    def shape(self, components: int, features: int) -> tuple[int, ...]:
        """(K, d)."""
        return (components, features)

    def whitening(self, raw: Tensor, means: Tensor) -> Whitening:
        """(x - m) / s, (n, K, d)."""
        inverse = (-raw).exp()

        def whiten(x: Tensor, out: Tensor | None = None) -> Tensor:
            return torch.mul(x[:, None] - means, inverse, out=out)

        return whiten

    def colour(self, raw: Tensor, y: Tensor) -> Tensor:
        """`y` (K, n, d) to L y."""
        return y * raw.exp()[:, None]

    def log_det(self, raw: Tensor, features: int) -> Tensor:
        """The logarithm of |L|, (K,) or (1,)."""
        return raw.expand(-1, features).sum(-1)

    def second_moment(self, y: Tensor) -> Tensor:
        """(K, d)."""
        return torch.linalg.vector_norm(y, dim=0).square()  # reads y once, and copies nothing

    def fit(self, raw: Tensor, a: Tensor, second: Tensor, counts: Tensor, eps: float) -> Tensor:
        """Variances of the points of each component."""
        moment, unit = second / counts[:, None], (2 * raw).exp()
        variance = self.pooled((moment - a**2) * unit, counts).clamp_min(0) + eps
        rounding = self.pooled(off(counts, moment[0].numel())[:, None] * moment * unit, counts)
        return checked(variance, (variance > rounding) | (eps > 0), eps).log() / 2

    def pooled(self, variance: Tensor, counts: Tensor) -> Tensor:
        """What of the variances (K, d) is kept."""
        return variance


class SphericalCovariance(DiagonalCovariance):
    """A single variance for every component."""

    def shape(self, components: int, features: int) -> tuple[int, ...]:
        """(K, 1)."""
        return (components, 1)

    def pooled(self, variance: Tensor, counts: Tensor) -> Tensor:
        """Their mean, (K, 1)."""
        return variance.mean(-1, keepdim=True)


class TiedSphericalCovariance(SphericalCovariance):
    """A single variance that all components share: the balls of k-means."""

    def shape(self, components: int, features: int) -> tuple[int, ...]:
        """(1, 1)."""
        return (1, 1)

    def pooled(self, variance: Tensor, counts: Tensor) -> Tensor:
        """The mean over components, weighted by their points, (1, 1)."""
        return (counts @ variance.mean(-1) / counts.sum()).view(1, 1)


def factor(raw: Tensor) -> Tensor:
    """The Cholesky factor: `raw` with the exponential of its diagonal and zeros above it."""
    return raw.tril(-1) + raw.diagonal(dim1=-2, dim2=-1).exp().diag_embed()


def unfactor(lower: Tensor) -> Tensor:
    """The `raw` of a Cholesky factor."""
    return lower.tril(-1) + lower.diagonal(dim1=-2, dim2=-1).log().diag_embed()


def off(counts: Tensor, features: int) -> Tensor:
    """By how much of itself a second moment of `counts` points may be off, (K,): 8 roundings."""
    return 4 * torch.finfo(counts.dtype).eps * (counts + features).sqrt()


def refactored(raw: Tensor, moment: Tensor, between: Tensor, counts: Tensor, eps: float) -> Tensor:
    """The `raw` of L (moment - between) L^T + eps I."""
    lower, spread = factor(raw), moment - between
    covariance = lower @ ((spread + spread.mT) / 2) @ lower.mT
    eye = torch.eye(raw.shape[-1], dtype=raw.dtype, device=raw.device)
    new, failed = torch.linalg.cholesky_ex(covariance + eps * eye)
    seen = _diagonal(lower @ moment @ lower.mT)
    # Points are known to eps of themselves: what is narrower sees nothing but that.
    visible = eps > (4 * torch.finfo(raw.dtype).eps) ** 2 * seen.amax(-1)
    sound = (failed == 0) & (_rounding(new, seen, counts) < 1)
    checked(new, sound | visible, eps)
    if bool(((failed > 0) | (_diagonal(new).square() < eps / 2).any(-1)).any()):
        new = raised(covariance, eps)
    return unfactor(new)


def _rounding(lower: Tensor, seen: Tensor, counts: Tensor) -> Tensor:
    """The largest variance that rounding of second moments (K, d) has as L^-1 sees it, (K,)."""
    unit = torch.eye(lower.shape[-1], dtype=lower.dtype, device=lower.device)
    inverse = torch.linalg.solve_triangular(lower, unit, upper=False)
    return off(counts, len(unit)) * (inverse.square() @ seen[..., None]).amax((-2, -1))


def raised(covariance: Tensor, eps: float) -> Tensor:
    """The Cholesky factor of S + eps I where rounding has left eigenvalues of S below 0."""
    values, axes = torch.linalg.eigh(covariance)
    rows = axes.mT * (values.clamp_min(0) + eps).sqrt()[..., None]
    upper = torch.linalg.qr(rows).R
    return upper.mT * _diagonal(upper).sign()[..., None, :]


def _diagonal(matrix: Tensor) -> Tensor:
    return matrix.diagonal(dim1=-2, dim2=-1)


def checked(value: Tensor, valid: Tensor, eps: float) -> Tensor:
    """Returns `value`; raises ValueError where a covariance is not `valid`."""
    if not bool(valid.all()):
        raise ValueError(
            f"a covariance is singular although {eps} was added to its diagonal: a feature is "
            "constant or a component has too few points. Raise `regularisation`, which is a "
            "variance in squared units of the data, or take fewer components"
        )
    return value
