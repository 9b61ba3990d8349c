"""Families of covariance matrices for `components` Gaussians, each held as one free tensor.

    x = m + L y,  y ~ N(0, I),    log N(x; m, L L^T) = -|y|^2/2 - log|L| - (d/2) log 2 pi

Every family says what its tensor holds (logarithms where a number must be positive, so that the
tensor may be moved by gradient), and fits it to the moments that EM collects. Moments are taken in
the whitened coordinates y of the present estimate,

    a = sum_n r_n y_n / N,    A = sum_n r_n y_n y_n^T / N
    new covariance = L (A - a a^T) L^T + eps I

so that nothing is subtracted from a large number, even in float32. `eps`, the regularisation, is
what keeps a covariance invertible when a component sits on too few points or a feature is constant.
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
        Raises ValueError where a covariance is singular in spite of the regularisation `eps`.
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
        spread = second / counts[:, None, None] - a[:, :, None] * a[:, None, :]
        return refactored(raw, spread, eps)


class TiedCovariance(FullCovariance):
    """One covariance that all components share."""

    def shape(self, components: int, features: int) -> tuple[int, ...]:
        """(1, d, d)."""
        return (1, features, features)

    def fit(self, raw: Tensor, a: Tensor, second: Tensor, counts: Tensor, eps: float) -> Tensor:
        """The mean of the components' covariances, weighted by their points."""
        between = (a * counts[:, None]).mT @ a
        spread = (second.sum(0) - between) / counts.sum()
        return refactored(raw, spread[None], eps)


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
        return y.square().sum(0)

    def fit(self, raw: Tensor, a: Tensor, second: Tensor, counts: Tensor, eps: float) -> Tensor:
        """Variances of the points of each component."""
        variance = (second / counts[:, None] - a**2) * (2 * raw).exp()
        variance = self.pooled(variance, counts).clamp_min(0) + eps
        return checked(variance, variance > 0, eps).log() / 2

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


def refactored(raw: Tensor, spread: Tensor, eps: float) -> Tensor:
    """The `raw` of L spread L^T + eps I."""
    lower = factor(raw)
    eye = torch.eye(raw.shape[-1], dtype=raw.dtype, device=raw.device)
    covariance = lower @ ((spread + spread.mT) / 2) @ lower.mT + eps * eye
    new, failed = torch.linalg.cholesky_ex(covariance)
    return unfactor(checked(new, failed == 0, eps))


def checked(value: Tensor, valid: Tensor, eps: float) -> Tensor:
    """Returns `value`; raises ValueError where a covariance is not `valid`."""
    if not bool(valid.all()):
        raise ValueError(
            f"a covariance is singular although {eps} was added to its diagonal: a feature is "
            "constant or a component has too few points. Raise `regularisation`, which is a "
            "variance in squared units of the data, or take fewer components"
        )
    return value
