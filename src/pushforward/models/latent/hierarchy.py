"""What hierarchical VAEs share: levels of latents, drawn from the top down.

    p(x, z_1..z_L) = p(x | z) prod_l p(z_l | above),   q(z_1..z_L | x) = prod_l q(z_l | above, x)
    -ELBO = E[-log p(x|z)] + sum_l E[ KL( q(z_l | above, x) || p(z_l | above) ) ]

Every level's rate is a KL between normals, in closed form given what was drawn above; a level is a
group for free bits. A subclass says how one pass from the top down goes, drawing from q where data
are given and from p where not. What the model is told (y) enters the pass and what is said of the
data, so that p(z_l | above, y), q(z_l | above, x, y) and p(x | z, y) hear it.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.distributions import Distribution, Normal, kl_divergence

from ...core.contract import Pushforward
from ...core.given import repeated
from ...core.spaces import count
from ...nn.conditions import as_vector
from ...nn.sums import per_example
from ...objectives.variational import ELBO, Draw, Objective
from ...probability.decoders import Each
from ...probability.heads import Head
from .variational import Variational


@dataclass(frozen=True)
class Level:
    """One level of a pass: prior and posterior (None in generation) as normals, and the draw."""

    p: Normal
    q: Normal | None
    z: Tensor


class Hierarchy(Variational, Pushforward):
    """A VAE of several levels; `sizes` are the shapes of their latents, from the top down."""

    head: Head

    def _prepare(
        self, head: Head, sizes: Sequence[tuple[int, ...]], objective: Objective | None
    ) -> None:
        self.head, self.sizes = head.check(self.space), sizes
        self.objective = objective or ELBO()
        self.objective.check(self.space, len(sizes))

    @abstractmethod
    def evidence(self, x: Tensor, c: Tensor | None) -> list[Tensor]:
        """What the data and the vector `c` (batch, width) say to each level, from the top down."""

    @abstractmethod
    def descend(
        self, n: int, evidence: list[Tensor] | None, noise: list[Tensor], c: Tensor | None
    ) -> tuple[list[Level], Tensor]:
        """A pass from the top down; also the parameters (n, *shape, outputs) of p(x | z).

        `noise` holds a standard normal (n, *size) for each level, `c` (n, width) what is told.
        """

    def draw(self, x: Tensor, *conditions: Tensor, samples: int = 1) -> Draw:
        """`samples` sets of latents for each datum; rates are (batch, levels)."""
        n, c = count("samples", samples) * len(x), self._context(len(x), *conditions)
        evidence = repeated(tuple(self.evidence(self.space.check(x), c)), samples)
        (c,) = (None,) if c is None else repeated((c,), samples)
        levels, parameters = self.descend(n, list(evidence), self._noise(n), c)
        rate = torch.stack([_rate(level) for level in levels], -1).unflatten(0, (samples, -1))
        log_q, log_p = (
            sum_of([_nats(d, a.z) for a in levels if (d := getattr(a, side)) is not None])
            for side in ("q", "p")
        )
        p_x = Each(self.head, parameters.unflatten(0, (samples, -1)), self.space)
        z = torch.cat([level.z.flatten(1) for level in levels], 1)
        z, log_q, log_p = (t.unflatten(0, (samples, -1)) for t in (z, log_q, log_p))
        top = levels[0].q or levels[0].p
        return Draw(top, z, p_x.log_prob(x), log_q, log_p, rate.mean(0))

    def latents(self, n: int) -> Tensor:
        """Standard normal noise for all levels, (n, total)."""
        return torch.cat([e.flatten(1) for e in self._noise(n)], 1)

    def push(self, z: Tensor, *conditions: Tensor) -> Tensor:
        """The likeliest data for noise of all levels."""
        with torch.no_grad():
            return self._generated(z, *conditions).mode

    def sample(self, n: int, *conditions: Tensor) -> Tensor:
        """`n` data."""
        return self._generated(self.latents(n), *conditions).sample()

    def _context(self, n: int, *conditions: Tensor) -> Tensor | None:
        """What is told of `n` data, as the networks take it."""
        return as_vector(self.given, self.told(n, *conditions), self.dtype)

    def _generated(self, noise: Tensor, *conditions: Tensor) -> Distribution:
        lengths = [int(torch.Size(size).numel()) for size in self.sizes]
        parts = [e.unflatten(1, size) for e, size in zip(noise.split(lengths, 1), self.sizes)]
        c = self._context(len(noise), *conditions)
        return Each(self.head, self.descend(len(noise), None, parts, c)[1], self.space)

    def _noise(self, n: int) -> list[Tensor]:
        options = {"device": self.device, "dtype": self.dtype}
        return [torch.randn(n, *size, **options) for size in self.sizes]  # type: ignore[call-overload]


def _rate(level: Level) -> Tensor:
    assert level.q is not None
    return per_example(kl_divergence(level.q, level.p))


def _nats(d: Normal, z: Tensor) -> Tensor:
    return per_example(d.log_prob(z))


def sum_of(parts: list[Tensor]) -> Tensor:
    """Their sum."""
    return torch.stack(parts).sum(0)


def drawn_at(p: Normal, q: Normal | None, eps: Tensor) -> Level:
    """A level drawn from q, or from p where there is none, with the noise `eps`."""
    used = p if q is None else q
    return Level(p, q, used.loc + used.scale * eps)
