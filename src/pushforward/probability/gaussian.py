"""Gaussians with any covariance, and mixtures of them that stay as they are.

    x = m + L eps,  eps ~ N(0, I),        log p(x) = -|L^-1 (x - m)|^2 / 2 - log|L| - (d/2) log 2 pi

L is lower triangular with a positive diagonal, so that every covariance is some L and no step of a
gradient leaves it. Written as a function of eps, a sample carries gradients to m and L.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from ..core.catalogue import example
from ..core.contract import Density
from ..core.spaces import Reals, count


class Gaussian(Density):
    """A Gaussian over Reals((features,)), of mean 0 and covariance I until it has learned.

    Args:
        features: the dimension d.
        mean: where to start; zeros where it is None.
    """

    def __init__(self, features: int, mean: tuple[float, ...] | None = None):
        super().__init__(Reals((count("features", features),)))
        if mean is not None and len(mean) != features:
            raise ValueError(f"mean must have {features} entries, not {len(mean)}")
        self.mean = nn.Parameter(torch.tensor(mean or (0.0,) * features))
        self.log_diagonal = nn.Parameter(torch.zeros(features))
        self.below = nn.Parameter(torch.zeros(features, features))

    @property
    def root(self) -> Tensor:
        """L, (features, features)."""
        return self.below.tril(-1) + self.log_diagonal.exp().diag()

    @property
    def covariance(self) -> Tensor:
        """L L', (features, features)."""
        return self.root @ self.root.mT

    def log_prob(self, x: Tensor) -> Tensor:
        """Log p(x) in nats, (batch,)."""
        eps = torch.linalg.solve_triangular(self.root, (x - self.mean).mT, upper=False)
        constant = self.log_diagonal.sum() + x.shape[1] / 2 * math.log(2 * math.pi)
        return -eps.square().sum(0) / 2 - constant

    def rsample(self, n: int) -> Tensor:
        """`n` draws (n, features) with gradients to mean and covariance."""
        eps = torch.randn(n, len(self.mean), dtype=self.dtype, device=self.device)
        return self.mean + eps @ self.root.mT

    def sample(self, n: int) -> Tensor:
        """`n` draws, (n, features)."""
        return self.rsample(n)


class FixedMixture(Density):
    """A mixture of spherical Gaussians that is given and not learned: a target.

    Args:
        means: a point for each component.
        scales: a standard deviation for each.
        weights: a probability for each; equal where they are None.

    Raises ValueError where lengths differ, a mean is not finite, a scale is not positive, or
    weights do not sum to 1.
    """

    means: Tensor
    scales: Tensor
    log_probabilities: Tensor

    def __init__(
        self,
        means: tuple[tuple[float, ...], ...],
        scales: tuple[float, ...],
        weights: tuple[float, ...] | None = None,
    ):
        weights = weights or (1 / len(means),) * len(means)
        if not len(means) == len(scales) == len(weights):
            lengths = f"{len(means)}, {len(scales)}, {len(weights)}"
            raise ValueError(f"means, scales and weights must be as many, not {lengths}")
        if not all(math.isfinite(number) for mean in means for number in mean):
            raise ValueError(f"means must be finite, not {means}")
        if min(scales) <= 0 or min(weights) < 0 or abs(sum(weights) - 1) > 1e-6:
            raise ValueError(f"scales must be positive, weights sum to 1: {scales}, {weights}")
        super().__init__(Reals((len(means[0]),)))
        self.register_buffer("means", torch.tensor(means))
        self.register_buffer("scales", torch.tensor(scales))
        self.register_buffer("log_probabilities", torch.tensor(weights).log())

    def log_prob(self, x: Tensor) -> Tensor:
        """Log p(x) in nats, (batch,)."""
        apart = ((x[:, None] - self.means) / self.scales[:, None]).square().sum(-1)
        constant = self.space.dims * (self.scales.log() + math.log(2 * math.pi) / 2)
        return torch.logsumexp(self.log_probabilities - apart / 2 - constant, dim=1)

    def sample(self, n: int) -> Tensor:
        """`n` draws, (n, features)."""
        which = torch.multinomial(self.log_probabilities.exp(), n, replacement=True)
        return self.means[which] + self.scales[which, None] * torch.randn_like(self.means[which])


@example(data="moons")
def gaussian() -> Gaussian:
    """The smallest instance."""
    return Gaussian(2)
