"""Densities that nothing has to learn: what flows and latent-variable models start from.

    normal    log p(z) = -sum_i (z_i^2 + log 2 pi) / 2
    logistic  log p(z) = -sum_i (z_i + 2 log(1 + e^-z_i))

They are `Density` models over `Reals`, so anything else that is one can stand in their place.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.distributions import (
    Distribution,
    Independent,
    Normal,
    SigmoidTransform,
    TransformedDistribution,
    Uniform,
)
from torch.nn import functional as F

from ..core.contract import Density
from ..core.spaces import Reals
from ..nn.sums import per_example
from .by_dimension import normal_log_prob


class StandardNormal(Density):
    """Independent N(0, 1) noise of a shape.

    >>> StandardNormal((2,)).log_prob(torch.zeros(1, 2)).item()  # -log 2 pi
    -1.8378770351409912
    """

    def __init__(self, shape: tuple[int, ...]):
        super().__init__(Reals(shape))

    @property
    def distribution(self) -> Distribution:
        """The same as a torch distribution, with event shape `shape`."""
        zero = torch.zeros(self.space.shape, device=self.device, dtype=self.dtype)
        return Independent(Normal(zero, torch.ones_like(zero)), zero.dim())

    def log_prob(self, x: Tensor) -> Tensor:
        """log p(x) in nats, (batch,)."""
        return -0.5 * per_example(x**2) - 0.5 * math.log(2 * math.pi) * self.space.dims

    def log_prob_each(self, x: Tensor) -> Tensor:
        """Log p of every number in nats, of `x`'s shape."""
        return normal_log_prob(x)

    def sample(self, n: int) -> Tensor:
        """Noise (n, *shape)."""
        return torch.randn(n, *self.space.shape, device=self.device, dtype=self.dtype)


class StandardLogistic(Density):
    """Independent logistic noise of a shape, with mean 0 and scale 1 (variance pi^2 / 3)."""

    def __init__(self, shape: tuple[int, ...]):
        super().__init__(Reals(shape))

    @property
    def distribution(self) -> Distribution:
        """The same as a torch distribution, with event shape `shape`."""
        zero = torch.zeros(self.space.shape, device=self.device, dtype=self.dtype)
        unit = Independent(Uniform(zero, torch.ones_like(zero)), zero.dim())
        return TransformedDistribution(unit, [SigmoidTransform().inv])

    def log_prob(self, x: Tensor) -> Tensor:
        """log p(x) in nats, (batch,)."""
        return -per_example(x + 2 * F.softplus(-x))

    def sample(self, n: int) -> Tensor:
        """Noise (n, *shape)."""
        unit = torch.rand(n, *self.space.shape, device=self.device, dtype=self.dtype)
        tiny = torch.finfo(self.dtype).tiny  # rand may give 0, whose logit is infinite
        return unit.clamp_min(tiny).logit()
