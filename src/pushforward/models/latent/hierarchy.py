"""What hierarchical VAEs share: levels of latents, drawn from the top down.

    p(x, z_1..z_L) = p(x | z) prod_l p(z_l | above),   q(z_1..z_L | x) = prod_l q(z_l | above, x)
    -ELBO = E[-log p(x|z)] + sum_l E[ KL( q(z_l | above, x) || p(z_l | above) ) ]

Every level's rate is a KL between normals, in closed form given what was drawn above; a level is a
group for free bits. A subclass says how one pass from the top down goes, drawing from q where data
are given and from p where not. What the model is told (y) enters the pass and what is said of the
data, so that p(z_l | above, y), q(z_l | above, x, y) and p(x | z, y) hear it.

Whoever asks for one vector of latents (`encode`, `decode`, `prior`) is given the noise that the
prior makes the levels of (`levels.py`): its prior is N(0, I), and the ratio q / p is the same.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.distributions import Distribution

from ...core.contract import Latent, Pushforward
from ...core.spaces import count
from ...nn.conditions import as_vector
from ...objectives.variational import ELBO, Draw, Objective
from ...probability.decoders import Describing, observed, together
from ...probability.priors import StandardNormal
from .levels import Level, Levels, Take, joint_noise, lengths, made_of, sum_of, takes
from .variational import Variational


class Hierarchy(Variational, Latent, Pushforward):
    """A VAE of several levels; `sizes` are the shapes of their latents, from the top down."""

    head: Describing

    def _prepare(
        self, head: Describing, sizes: Sequence[tuple[int, ...]], objective: Objective | None
    ) -> None:
        self.head, self.sizes = head.check(self.space), sizes
        self.objective = objective or ELBO()
        self.objective.check(self.space, len(sizes))

    @abstractmethod
    def evidence(self, x: Tensor, c: Tensor | None) -> list[Tensor]:
        """What the data and the vector `c` (batch, width) say to each level, from the top down."""

    @abstractmethod
    def descend(
        self, n: int, evidence: Sequence[Tensor] | None, take: Sequence[Take], c: Tensor | None
    ) -> tuple[list[Level], Tensor]:
        """A pass from the top down; also what `observed` makes p(x | z) of, (n, ...).

        `take` says of each level how its latents come from p and q; `c` (n, width) is told.
        """

    @property
    def prior(self) -> StandardNormal:
        """Of the noise of all levels, as one vector."""
        return StandardNormal((sum(lengths(self)),)).to(self.device, self.dtype)

    def encode(self, x: Tensor, *conditions: Tensor) -> Levels:
        """q(e | x) of the noise of all levels: batch shape (batch,), event shape (total,)."""
        c = self._context(len(x), *conditions)
        return Levels(self, self.evidence(x, c), c)

    def decode(self, z: Tensor, *conditions: Tensor) -> Distribution:
        """p(x | e) for noise `z` (..., batch, total) of all levels, conditions (batch, ...)."""
        if z.dim() == 1:
            return observed(self.head, self._out(z[None], *conditions)[0], 0, self.space)
        return observed(self.head, self._out(z, *conditions), z.dim() - 1, self.space)

    def _out(self, z: Tensor, *conditions: Tensor) -> Tensor:
        """What the pass says of the data, (..., batch, ...)."""
        z, c = together(z, self._context(z.shape[-2], *conditions))
        flat, told = z.flatten(0, -2), None if c is None else c.flatten(0, -2)
        out = self.descend(len(flat), None, takes(self, flat, made_of), told)[1]
        return out.unflatten(0, z.shape[:-1])

    def draw(self, x: Tensor, *conditions: Tensor, samples: int = 1) -> Draw:
        """`samples` sets of latents for each datum; rates are (batch, levels)."""
        each = (count("samples", samples), len(x))
        q = self.encode(x, *conditions)
        levels, out = q.drawn(samples)
        rate = torch.stack([level.rate for level in levels], -1)
        log_q, log_p = (sum_of([getattr(a, side) for a in levels]) for side in ("log_q", "log_p"))
        noise, out, log_q, log_p, rate = (
            t.unflatten(0, each) for t in (joint_noise(levels), out, log_q, log_p, rate)
        )
        log_x = observed(self.head, out, 2, self.space).log_prob(x)
        return Draw(q, noise, log_x, log_q, log_p, rate.mean(0), apart=False)

    def latents(self, n: int) -> Tensor:
        """Standard normal noise for all levels, (n, total)."""
        return self.prior.sample(n)

    def push(self, z: Tensor, *conditions: Tensor) -> Tensor:
        """The likeliest data for noise of all levels."""
        with torch.no_grad():
            return self.decode(z, *conditions).mode

    def sample(self, n: int, *conditions: Tensor) -> Tensor:
        """`n` data."""
        return self.decode(self.latents(n), *conditions).sample()

    def _context(self, n: int, *conditions: Tensor) -> Tensor | None:
        """What is told of `n` data, as the networks take it."""
        return as_vector(self.given, self.told(n, *conditions), self.dtype)
