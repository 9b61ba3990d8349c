"""Bayesian linear regression: weights with error bars, and predictions that widen away from data.

    w ~ N(m, S),  y = Phi w + eps,  eps ~ N(0, s2)
    S'^-1 = S^-1 + Phi' Phi / s2,      m' = S' (S^-1 m + Phi' y / s2)
    y* | X, y ~ N(phi' m', s2 + phi' S' phi)
    y ~ N(Phi m, s2 I + Phi S Phi')                                            evidence

MAP is ridge regression, with the penalty s2 / prior variance; a flat prior leaves least squares.
The evidence prefers the model that is just rich enough, without a validation set.
Bishop (2006), eqs. 3.49-3.51, 3.57-3.59, 3.86.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.distributions import MultivariateNormal, Normal

from pushforward.core.spaces import count
from pushforward.objectives.checks import covariance, positive_number


@dataclass(frozen=True)
class LinearRegression:
    """A belief N(mean, cov) about the weights; `noise` is the known standard deviation of eps."""

    mean: Tensor
    cov: Tensor
    noise: float

    def __post_init__(self) -> None:
        covariance("cov", self.cov), positive_number("noise", self.noise)
        if self.cov.shape != (*self.mean.shape, *self.mean.shape):
            shapes = f"{list(self.mean.shape)} and {list(self.cov.shape)}"
            raise ValueError(f"mean (d,) and cov (d, d) do not fit: {shapes}")

    def distribution(self) -> MultivariateNormal:
        """The belief itself, over the weights (d,)."""
        return MultivariateNormal(self.mean, self.cov)

    def update(self, features: Tensor, y: Tensor) -> LinearRegression:
        """The belief after targets y (n,) at features (n, d); raises ValueError for others."""
        features, y = self._fitting(features, y)
        before = torch.linalg.cholesky(self.cov)
        # In the prior's own white basis the precision is I + A'A: well conditioned for any prior.
        white = features @ before / self.noise
        root = torch.linalg.cholesky(torch.eye(len(self.mean)).to(white) + white.mT @ white)
        residual = (y - features @ self.mean) / self.noise
        step = torch.cholesky_solve((white.mT @ residual)[:, None], root)[:, 0]
        half = torch.linalg.solve_triangular(root, before.mT, upper=False)
        return LinearRegression(self.mean + before @ step, half.mT @ half, self.noise)

    def predictive(self, features: Tensor) -> Normal:
        """The next target at each of the features (n, d): its `scale` holds both uncertainties."""
        features = self._features(features)
        weights = ((features @ self.cov) * features).sum(-1)
        return Normal(features @ self.mean, (self.noise**2 + weights).sqrt())

    def log_evidence(self, features: Tensor, y: Tensor) -> Tensor:
        """Log p(y) of targets (n,) together, in nats, a scalar."""
        features, y = self._fitting(features, y)
        noise = self.noise**2 * torch.eye(len(y)).to(y)
        joint = MultivariateNormal(features @ self.mean, noise + features @ self.cov @ features.mT)
        return joint.log_prob(y)

    def mode(self) -> Tensor:
        """The weights (d,) of highest density (for a posterior: MAP, ridge regression)."""
        return self.mean

    def mle(self, features: Tensor, y: Tensor) -> Tensor:
        """The weights (d,) of least squares. Raises ValueError where they are not unique."""
        features, y = self._fitting(features, y)
        if torch.linalg.matrix_rank(features) < len(self.mean):
            raise ValueError(
                f"{len(y)} observations do not determine {len(self.mean)} weights: use `mode`"
            )
        return torch.linalg.lstsq(features, y[:, None]).solution[:, 0]

    def _features(self, features: Tensor) -> Tensor:
        if features.dim() != 2 or features.shape[1] != len(self.mean):
            shape = list(features.shape)
            raise ValueError(f"features must be (n, {len(self.mean)}), not {shape}")
        return features.to(self.mean)

    def _fitting(self, features: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        features = self._features(features)
        if y.shape != features.shape[:1]:
            raise ValueError(f"y must be ({len(features)},), not {list(y.shape)}")
        return features, y.to(self.mean)


def flat(weights: int, scale: float, noise: float) -> LinearRegression:
    """The prior N(0, scale^2 I) over so many weights, in float64."""
    count("weights", weights), positive_number("scale", scale)
    eye = torch.eye(weights, dtype=torch.float64)
    return LinearRegression(eye.new_zeros(weights), scale**2 * eye, noise)


def polynomial(x: Tensor, degree: int) -> Tensor:
    """The features 1, x, .. x^degree: (n, degree + 1) of x (n,)."""
    return x[:, None] ** torch.arange(count("degree", degree, least=0) + 1).to(x)
