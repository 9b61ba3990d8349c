"""An autoregressive decoder: p(x | z, y) = prod_d p(x_d | x_<d, network(z, y), y).

Any autoregressive density with a context decodes: MADE, a gated PixelCNN, a recurrent language
model. z is the last of its conditions. What it is told besides (a class, y), the decoder is told;
so may be the network that makes a context of z.
It can model everything by itself, so nothing forces it to listen to z: what it needs no z for, it
will not pay a rate for.

Generating Sentences from a Continuous Space (Bowman et al., 2016), arXiv:1511.06349, section 3;
PixelVAE (Gulrajani et al., 2017), arXiv:1611.05013, eq. 2.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from ..core.given import Given, given_of, spaces_of
from ..core.spaces import Reals, Space
from ..nn.conditions import as_vector
from .decoders import Observation, through


class Conditional(Protocol):
    """What decodes: a density of x given conditions, of which the last is a float context."""

    @property
    def space(self) -> Space:
        """What x is."""

    @property
    def given(self) -> Given:
        """What it is told."""

    def log_prob(self, x: Tensor, /, *conditions: Tensor) -> Tensor:
        """Log p(x | conditions) in nats, (batch,)."""

    def sample(self, n: int, /, *conditions: Tensor) -> Tensor:
        """`n` data, one for each row of the conditions."""

    def likeliest(self, n: int, /, *conditions: Tensor) -> Tensor:
        """The same with the likeliest number at every step."""


class Chained(Distribution):
    """Data of a space, drawn number by number, each given those before it and the conditions.

    A condition is (*batch, *its own shape), or (last of batch, *its own shape).
    """

    arg_constraints = {}  # noqa: RUF012

    def __init__(self, density: Conditional, conditions: tuple[Tensor, ...], batch: torch.Size):
        self.density, self.conditions = density, conditions
        self.shapes = [space.shape for space in spaces_of(density.given)]
        super().__init__(batch, torch.Size(density.space.shape), validate_args=False)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log p in nats of data (batch, *shape), with the batch shape of z and it together."""
        event = len(self.event_shape)
        batch = torch.broadcast_shapes(self.batch_shape, value.shape[: value.dim() - event])
        flat = value.expand(*batch, *self.event_shape).reshape(-1, *self.event_shape)
        return self.density.log_prob(flat, *self._repeated(batch)).view(batch)

    def sample(self, sample_shape: torch.Size | tuple[int, ...] = ()) -> Tensor:
        """Data of the space, (*sample_shape, *batch, *shape)."""
        batch = torch.Size((*sample_shape, *self.batch_shape))
        drawn = self.density.sample(batch.numel(), *self._repeated(batch))
        return drawn.view(*batch, *self.event_shape)

    @property
    def mode(self) -> Tensor:
        """The likeliest number at every step, given those taken before."""
        batch = self.batch_shape
        found = self.density.likeliest(batch.numel(), *self._repeated(batch))
        return found.view(*batch, *self.event_shape)

    @property
    def mean(self) -> Tensor:
        """Raises NotImplementedError: what is drawn number by number has no formula of it."""
        raise NotImplementedError(
            "what is drawn number by number has no formula of its mean: average .sample((n,)), or "
            "take .mode"
        )

    def _repeated(self, batch: torch.Size) -> list[Tensor]:
        """The conditions of all data of a batch shape, (n, *their own shape)."""
        pairs = zip(self.conditions, self.shapes)
        return [c.expand(*batch, *shape).reshape(-1, *shape) for c, shape in pairs]


class AutoregressiveDecoder(Observation):
    """p(x | z) by an autoregressive density to which z is a context.

    Args:
        density: a component such as `MADE`, `GatedPixelCNN` or `RecurrentLM`, with a context. What
            it is told before the context, the decoder is told (`given`).
        network: (n, latent) to the context (n, *its shape); None where z is the context.
        given: what the network is told beside z, as a vector (n, `nn.conditions.width_of(given)`).

    Raises ValueError for a density whose last condition is no context, or that is told another
    thing than the network.
    """

    def __init__(self, density: Conditional, network: nn.Module | None = None, given: Given = None):
        super().__init__()
        *rest, context = spaces_of(density.given) or (None,)
        if not isinstance(context, Reals):
            raise ValueError(
                f"an autoregressive density decodes where the last that it is told is a context: "
                f"{type(density).__name__} is told {density.given}; build it with context=..."
            )
        if rest and given not in (None, given_of(*rest)):
            raise ValueError(f"the density is told {given_of(*rest)}, but the network {given}")
        self.density, self.network, self.space = density, network, density.space
        self.given, self.network_given = given_of(*rest) or given, given

    def forward(self, z: Tensor, *conditions: Tensor) -> Distribution:
        """p(x | z) for `z` (..., batch, latent) and conditions (batch, ...)."""
        batch = torch.broadcast_shapes(z.shape[:-1], *(c.shape[:1] for c in conditions))
        context = z
        if self.network is not None:
            told = as_vector(self.network_given, conditions, z.dtype)
            context = through(self.network, z, told)
        of_density = conditions if isinstance(self.density.given, tuple) else ()
        return Chained(self.density, (*of_density, context), batch)
