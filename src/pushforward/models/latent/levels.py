"""Levels of latents: one pass from the top down, and the posterior that it makes, as one vector.

    z_l = m_p(above) + s_p(above) * e_l,      p(e) = N(0, I)
    q(e | x) = prod_l N(e_l; (m_q - m_p) / s_p, (s_q / s_p)^2),   m_q, s_q of what is above, and x

The levels are told by the prior's noise e rather than by z: q(e) / p(e) = q(z) / p(z), and whoever
asks for one vector with one prior is given N(0, I), whatever the levels do to it.

The non-centred form of a hierarchy: Efficient Gradient-Based Inference through Transformations
between Bayes Nets and Neural Nets (Kingma & Welling, 2014), arXiv:1402.0480.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, Normal, kl_divergence

from ...core.given import repeated
from ...nn.detached import Detached
from ...nn.sums import per_example

Take = Callable[[Normal, Normal | None], Tensor]
"""How a level's latents come from its prior and its posterior (None in generation)."""

ROWS = 2**12  # of a pass, where no gradient needs them all


@dataclass(frozen=True)
class Level:
    """One level of a pass: prior and posterior (None in generation) as normals, and the latents."""

    p: Normal
    q: Normal | None
    z: Tensor

    @property
    def noise(self) -> Tensor:
        """What the prior makes the latents of, (n, *size)."""
        return (self.z - self.p.loc) / self.p.scale

    @property
    def rate(self) -> Tensor:
        """KL(q || p) in nats, (n,)."""
        return per_example(kl_divergence(self._posterior(), self.p))

    @property
    def log_q(self) -> Tensor:
        """Log q of the noise in nats, (n,)."""
        scale = self.p.scale.log()
        return per_example(self._posterior().log_prob(self.z) + scale)

    @property
    def log_p(self) -> Tensor:
        """Log p of the noise in nats, (n,)."""
        return per_example(self.p.log_prob(self.z) + self.p.scale.log())

    def _posterior(self) -> Normal:
        assert self.q is not None
        return self.q


def drawn_with(noise: Tensor, p: Normal, q: Normal | None) -> Tensor:
    """A draw from q, or from p where there is none, by its own standard normal noise."""
    used = p if q is None else q
    return used.loc + used.scale * noise


def made_of(noise: Tensor, p: Normal, _: Normal | None) -> Tensor:
    """What the prior makes of its noise."""
    return p.loc + p.scale * noise


def taken(p: Normal, q: Normal | None, take: Take) -> Level:
    """The level that `take` makes."""
    return Level(p, q, take(p, q))


class Descending(Protocol):
    """What goes from the top down."""

    sizes: Sequence[tuple[int, ...]]

    def descend(
        self, n: int, evidence: Sequence[Tensor] | None, take: Sequence[Take], c: Tensor | None
    ) -> tuple[list[Level], Tensor]:
        """A pass: the levels, and what describes the data."""


def lengths(model: Descending) -> list[int]:
    """Numbers of every level."""
    return [torch.Size(size).numel() for size in model.sizes]


def takes(model: Descending, noise: Tensor, how: Callable[..., Tensor]) -> list[Take]:
    """For each level `how` with its own part of the noise (n, total)."""
    parts = noise.split(lengths(model), 1)
    return [partial(how, e.unflatten(1, size)) for e, size in zip(parts, model.sizes)]


class Levels(Distribution):
    """q(e | x) over the noise of all levels as one vector, from the top down.

    Args:
        model: whose pass it is.
        evidence: what the data say to each level, (batch, ...) each.
        c: what is told (batch, width), None for nothing.
    """

    arg_constraints = {}  # noqa: RUF012
    has_rsample = True

    def __init__(self, model: Descending, evidence: Sequence[Tensor], c: Tensor | None):
        self.model, self.evidence, self.c = model, tuple(evidence), c
        event = torch.Size((sum(lengths(model)),))
        super().__init__(evidence[0].shape[:1], event, validate_args=False)

    def descended(self, noise: Tensor, how: Callable[..., Tensor]) -> tuple[list[Level], Tensor]:
        """The pass that does `how` with noise (times * batch, total), and what it says of data."""
        times = max(1, len(noise) // max(1, len(self.evidence[0])))
        evidence = repeated(self.evidence, times)
        c = None if self.c is None else repeated((self.c,), times)[0]
        return self.model.descend(len(noise), evidence, takes(self.model, noise, how), c)

    def drawn(self, samples: int) -> tuple[list[Level], Tensor]:
        """A pass that draws, each level (samples * batch, *size)."""
        shape = (samples * self.batch_shape[0], *self.event_shape)
        like = self.evidence[0]
        return self.descended(torch.randn(shape, device=like.device, dtype=like.dtype), drawn_with)

    def rsample_and_log_prob(
        self, sample_shape: torch.Size | tuple[int, ...] = ()
    ) -> tuple[Tensor, Tensor]:
        """Draws (*sample_shape, batch, total) with gradients, and log q of them in nats."""
        levels, _ = self.drawn(torch.Size(sample_shape).numel())
        batch = self._extended_shape(torch.Size(sample_shape))[:-1]
        return joint_noise(levels).view(*batch, -1), sum_of([a.log_q for a in levels]).view(batch)

    def rsample(self, sample_shape: torch.Size | tuple[int, ...] = ()) -> Tensor:
        """Draws with gradients."""
        return self.rsample_and_log_prob(sample_shape)[0]

    def log_prob(self, value: Tensor) -> Tensor:
        """Log q of any `value` (..., batch, total), a pass for each, in nats."""
        batch = torch.broadcast_shapes(value.shape[:-1], self.batch_shape)
        rows = value.expand(*batch, -1).reshape(-1, *self.batch_shape, *self.event_shape)
        some = len(rows) if torch.is_grad_enabled() else max(1, ROWS // self.batch_shape[0])
        return torch.cat([self._log_prob(part) for part in rows.split(some)]).view(batch)

    def _log_prob(self, rows: Tensor) -> Tensor:
        levels, _ = self.descended(rows.flatten(0, 1), made_of)
        return sum_of([level.log_q for level in levels]).view(rows.shape[:-1])

    def frozen(self) -> Levels:
        """The same without gradients to what parametrises it, but to what it is asked about."""
        model: Any = Frozen(self.model)
        c = None if self.c is None else self.c.detach()
        return Levels(model, [e.detach() for e in self.evidence], c)


class Frozen:
    """A model's pass with weights that carry no gradient."""

    def __init__(self, model: Any):
        self.sizes, self.passing = model.sizes, Detached(Passing(model))

    def descend(self, *arguments: Any) -> tuple[list[Level], Tensor]:
        """The pass."""
        return self.passing(*arguments)


class Passing(nn.Module):
    """A model's pass as a module's `forward`."""

    def __init__(self, model: Any):
        super().__init__()
        self.model = model

    def forward(self, *arguments: Any) -> tuple[list[Level], Tensor]:
        """The pass."""
        return self.model.descend(*arguments)


def joint_noise(levels: Sequence[Level]) -> Tensor:
    """The noise of all levels, (n, total)."""
    return torch.cat([level.noise.flatten(1) for level in levels], 1)


def sum_of(parts: Sequence[Tensor]) -> Tensor:
    """Their sum."""
    return torch.stack(list(parts)).sum(0)
