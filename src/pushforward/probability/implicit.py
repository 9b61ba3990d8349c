"""Implicit reparametrisation: gradients through draws whose inverse distribution has no formula.

    F(z | phi) = u fixed   =>   dz/dphi = - (dF/dphi) / q(z | phi)                       (eq. 5)
    in several dimensions, with the conditionals of the chain rule one after the other:
    F(z_d | z_<d, phi) = u_d   =>   dz_d = - (dF_d/dphi + sum_j<d dF_d/dz_j dz_j) / q(z_d | z_<d)

A draw need not be written as a function of noise: it is enough that the distribution function
tells which noise it stands for, and that this noise stays where it is while phi moves. So a
mixture, whose choice of a component no gradient passes through, has draws that move smoothly with
its weights.

Implicit Reparameterization Gradients (Figurnov, Mohamed & Mnih, 2018), arXiv:1805.08498, eq. 5;
mixtures: Stochastic Backpropagation through Mixture Density Distributions (Graves, 2016),
arXiv:1607.05690.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.distributions import Categorical, Distribution

from ..core.spaces import count
from .by_dimension import mixed
from .heads import precise, scale_of
from .posteriors import LEAST, PosteriorHead


def followed(z: Tensor, uniform: Tensor, density: Tensor) -> Tensor:
    """`z` with the gradient of eq. 5.

    `uniform` is F(z | phi), as a function of phi alone (and of earlier dimensions), `density`
    q(z | phi); both have the shape of `z`, which must be a draw without gradient.
    """
    least = torch.finfo(z.dtype).tiny  # a density may underflow
    return z - (uniform - uniform.detach()) / density.detach().clamp_min(least)


class NormalMixture(Distribution):
    """A mixture of diagonal normals over vectors, whose draws carry gradients to all of it.

    Args:
        logits: (..., K), of the weights.
        means, scales: (..., K, d).
    """

    arg_constraints = {}  # noqa: RUF012
    has_rsample = True

    def __init__(self, logits: Tensor, means: Tensor, scales: Tensor):
        self.log_weights, self.means, self.scales = logits.log_softmax(-1), means, scales
        super().__init__(logits.shape[:-1], means.shape[-1:], validate_args=False)

    @property
    def mean(self) -> Tensor:
        """(..., d)."""
        return (self.log_weights.exp()[..., None] * self.means).sum(-2)

    @property
    def variance(self) -> Tensor:
        """Of every dimension, (..., d)."""
        square = self.scales.square() + self.means.square()
        return (self.log_weights.exp()[..., None] * square).sum(-2) - self.mean.square()

    def log_prob(self, value: Tensor) -> Tensor:
        """Log q in nats of `value` (..., d)."""
        return (self.log_weights + self._each(value).sum(-1)).logsumexp(-1)

    def log_prob_each(self, value: Tensor) -> Tensor:
        """Log q of each dimension given those before it, (..., d)."""
        return mixed(self.log_weights, self._each(value))

    def sample(self, sample_shape: torch.Size | tuple[int, ...] = ()) -> Tensor:
        """Draws (*sample_shape, ..., d): a component, then its normal."""
        with torch.no_grad():
            which = Categorical(logits=self.log_weights, validate_args=False).sample(sample_shape)
            place = which[..., None, None].expand(*which.shape, 1, self.means.shape[-1])
            shape = (*which.shape, *self.means.shape[-2:])
            mean, scale = (t.expand(shape).gather(-2, place) for t in (self.means, self.scales))
            return (mean + scale * torch.randn_like(mean))[..., 0, :]

    def rsample(self, sample_shape: torch.Size | tuple[int, ...] = ()) -> Tensor:
        """Draws with implicit gradients."""
        z = self.sample(torch.Size(sample_shape))
        return self._followed(z) if torch.is_grad_enabled() else z

    def _followed(self, z: Tensor) -> Tensor:
        """Dimension by dimension; components that suit the earlier ones count for the next."""
        log_share, moved = self.log_weights.expand(*z.shape[:-1], -1), []
        for d, at in enumerate(z.unbind(-1)):
            share = log_share.softmax(-1)
            y = (at[..., None] - self.means[..., d]) / self.scales[..., d]
            uniform = (share * torch.special.ndtr(y)).sum(-1)
            density = (share * bell(y) / self.scales[..., d]).sum(-1)
            moved.append(followed(at, uniform, density))
            log_share = log_share + self._each_at(moved[-1], d)
        return torch.stack(moved, -1)

    def _each(self, value: Tensor) -> Tensor:
        """Log q of every dimension under every component, (..., K, d)."""
        y = (value[..., None, :] - self.means) / self.scales
        return -y.square() / 2 - self.scales.log() - math.log(2 * math.pi) / 2

    def _each_at(self, value: Tensor, d: int) -> Tensor:
        """The same of dimension d, `value` (...), up to a constant: (..., K)."""
        y = (value[..., None] - self.means[..., d]) / self.scales[..., d]
        return -y.square() / 2 - self.scales[..., d].log()


def bell(y: Tensor) -> Tensor:
    """The standard normal density."""
    return (-y.square() / 2).exp() / math.sqrt(2 * math.pi)


class MixturePosterior(PosteriorHead):
    """A mixture of `components` diagonal normals as q(z | x): a posterior with several modes.

    Its means start apart by a random draw, because components that start equal stay equal.
    """

    start: Tensor

    def __init__(self, latent: int, components: int = 4):
        super().__init__(latent, count("components", components) * (1 + 2 * latent))
        self.components = components
        self.register_buffer("start", torch.randn(components, latent) / 2)

    def forward(self, parameters: Tensor) -> Distribution:
        """NormalMixture."""
        k, n = self.components, self.components * self.latent
        logits, means, scales = precise(parameters).split((k, n, n), -1)
        each = (k, self.latent)
        return NormalMixture(
            logits,
            means.unflatten(-1, each) + self.start,
            scale_of(scales, LEAST).unflatten(-1, each),
        )
