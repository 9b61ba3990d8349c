"""What hierarchical VAEs share: levels of latents, drawn from the top down.

    p(x, z_1..z_L) = p(x | z) prod_l p(z_l | above),   q(z_1..z_L | x) = prod_l q(z_l | above, x)
    -ELBO = E[-log p(x|z)] + sum_l E[ KL( q(z_l | above, x) || p(z_l | above) ) ]

Every level's rate is a KL between normals, in closed form given what was drawn above; a level is a
group for free bits. A subclass says how one pass from the top down goes, drawing from q where data
are given and from p where not.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.distributions import Distribution, Normal, kl_divergence

from ...core.contract import Pushforward
from ...core.spaces import count
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
    def evidence(self, x: Tensor) -> list[Tensor]:
        """What the data say to each level, from the top down."""

    @abstractmethod
    def descend(
        self, n: int, evidence: list[Tensor] | None, noise: list[Tensor]
    ) -> tuple[list[Level], Tensor]:
        """A pass from the top down; also the parameters (n, *shape, outputs) of p(x | z).

        `noise` holds a standard normal (n, *size) for each level.
        """

    def draw(self, x: Tensor, samples: int = 1) -> Draw:
        """`samples` sets of latents for each datum; rates are (batch, levels)."""
        n = count("samples", samples) * len(x)
        evidence = [e.repeat(samples, *[1] * (e.dim() - 1)) for e in self.evidence(x)]
        levels, parameters = self.descend(n, evidence, self._noise(n))
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

    def push(self, z: Tensor) -> Tensor:
        """The likeliest data for noise of all levels."""
        with torch.no_grad():
            return self._generated(z).mode

    def sample(self, n: int) -> Tensor:
        """`n` data."""
        return self._generated(self.latents(n)).sample()

    def _generated(self, noise: Tensor) -> Distribution:
        lengths = [int(torch.Size(size).numel()) for size in self.sizes]
        parts = [e.unflatten(1, size) for e, size in zip(noise.split(lengths, 1), self.sizes)]
        return Each(self.head, self.descend(len(noise), None, parts)[1], self.space)

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
