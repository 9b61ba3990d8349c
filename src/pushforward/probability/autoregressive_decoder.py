"""An autoregressive decoder: p(x | z) = prod_d p(x_d | x_<d, network(z)).

Any autoregressive density with a context decodes: MADE, a gated PixelCNN, a recurrent language
model. It can model everything by itself, so nothing forces it to listen to z: what it needs no z
for, it will not pay a rate for.

Generating Sentences from a Continuous Space (Bowman et al., 2016), arXiv:1511.06349, section 3;
PixelVAE (Gulrajani et al., 2017), arXiv:1611.05013, eq. 2.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor
from torch.distributions import Distribution

from ..core.blueprint import Component
from ..core.spaces import Space
from .decoders import Observation


class Conditional(Protocol):
    """What decodes: a density of x given a context, floats of a shape that it knows."""

    @property
    def space(self) -> Space:
        """What x is."""

    def log_prob(self, x: Tensor, context: Tensor, /) -> Tensor:
        """Log p(x | context) in nats, (batch,)."""

    def sample(self, n: int, context: Tensor, /) -> Tensor:
        """`n` data, one for each context."""

    def likeliest(self, n: int, context: Tensor, /) -> Tensor:
        """The same with the likeliest number at every step."""


class Chained(Distribution):
    """Data of a space, drawn number by number, each given those before it and a context.

    `context` is (*batch, *its own shape).
    """

    arg_constraints = {}  # noqa: RUF012

    def __init__(self, density: Conditional, context: Tensor, batch: torch.Size):
        self.density, self.context = density, context
        super().__init__(batch, torch.Size(density.space.shape), validate_args=False)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log p in nats of data (batch, *shape), with the batch shape of z and it together."""
        event = len(self.event_shape)
        batch = torch.broadcast_shapes(self.batch_shape, value.shape[: value.dim() - event])
        flat = value.expand(*batch, *self.event_shape).reshape(-1, *self.event_shape)
        return self.density.log_prob(flat, self._repeated(batch)).view(batch)

    def sample(self, sample_shape: torch.Size | tuple[int, ...] = ()) -> Tensor:
        """Data of the space, (*sample_shape, *batch, *shape)."""
        batch = (*sample_shape, *self.batch_shape)
        context = self._repeated(batch)
        return self.density.sample(len(context), context).view(*batch, *self.event_shape)

    @property
    def mode(self) -> Tensor:
        """The likeliest number at every step, given those taken before."""
        context = self._repeated(self.batch_shape)
        return self.density.likeliest(len(context), context).view(
            *self.batch_shape, *self.event_shape
        )

    def _repeated(self, batch: tuple[int, ...]) -> Tensor:
        """The context for all data of a batch shape, (n, *its own shape)."""
        own = self.context.shape[len(self.batch_shape) :]
        return self.context.expand(*batch, *own).reshape(-1, *own)


class AutoregressiveDecoder(Observation):
    """p(x | z) by an autoregressive density to which z is a context.

    Args:
        density: a component such as `MADE`, `GatedPixelCNN` or `RecurrentLM`, with a context.
        network: (n, latent) to the context (n, *its shape); None where z is the context.
    """

    def __init__(self, density: Conditional, network: Component | None = None):
        super().__init__()
        self.density, self.network, self.space = density, network, density.space

    def forward(self, z: Tensor) -> Distribution:
        """p(x | z) for `z` (..., latent)."""
        batch = z.shape[:-1]
        if self.network is None:
            return Chained(self.density, z, batch)
        context = self.network(z.flatten(0, -2)) if z.dim() > 1 else self.network(z[None])
        return Chained(self.density, context.view(*batch, *context.shape[1:]), batch)
