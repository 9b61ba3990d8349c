"""Ladder VAE: the posterior of each level joins what the data say with what was drawn above.

    bottom-up   d_l = f(d_{l-1}),   m^_l, s^_l = linear(d_l)                           (eqs. 11-13)
    top         q(z_L | x) = N(m^_L, s^_L^2),   p(z_L) = N(0, I)
    top-down    p(z_l | z_{l+1}) = N(m_p, s_p^2)
    joined      1/s^2 = 1/s^_l^2 + 1/s_p^2,   m = (m^_l / s^_l^2 + m_p / s_p^2) s^2    (eqs. 16-17)

The product of two Gaussian beliefs: data add to the generative model's own guess instead of
replacing it, so upper levels are used.

Ladder Variational Autoencoders (Sonderby et al., 2016), arXiv:1602.02282.
Differs from the paper: no batch normalisation; its warm-up is `ELBO(beta=Linear(...))`.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.distributions import Normal

from ...core.catalogue import example, system
from ...core.given import told
from ...core.spaces import Pixels, Space
from ...nn.conditions import width_of
from ...nn.mlp import MLP
from ...objectives.variational import ELBO, Linear, Objective
from ...probability.decoders import Describing, numbers_for
from ...probability.discretized import usual_head
from ...probability.heads import precise, scale_of
from ...probability.posteriors import LEAST, entered
from .hierarchy import Hierarchy
from .levels import Level, Take, taken


class LadderVAE(Hierarchy):
    """Levels of vectors with perceptrons between them.

    Args:
        space: of the data.
        latents: length of z at each level, from the bottom (next to the data) up.
        width: units of every perceptron's hidden layer, and of d_l.
        head: of one number of the data, or of a pixel; `usual_head(space)` where None.
        objective: the negative ELBO where None.
        classes: labels that it is told: every map but those that read d_l; 0 is none.
        context: length of a vector that it is told after the label; 0 is none.
    """

    def __init__(
        self,
        space: Space,
        latents: tuple[int, ...] = (32, 16, 8),
        width: int = 256,
        head: Describing | None = None,
        objective: Objective | None = None,
        classes: int = 0,
        context: int = 0,
    ):
        super().__init__(space, told(classes, context))
        if not latents:
            raise ValueError("latents must be the length of at least one level")
        self._prepare(head or usual_head(space), [(n,) for n in reversed(latents)], objective)
        sizes, c = [space.dims, *[width] * len(latents)], width_of(self.given)
        self.up = nn.ModuleList(MLP(a, b, width, 1, c) for a, b in pairwise(sizes))
        self.tell = nn.ModuleList(MLP(width, 2 * n, width, 0) for n in latents)
        pairs = zip(latents[1:], latents)
        self.down = nn.ModuleList(MLP(above, 2 * n, width, 1, c) for above, n in pairs)
        self.leave = MLP(latents[0], numbers_for(self.head, space), width, 1, c)

    def evidence(self, x: Tensor, c: Tensor | None) -> list[Tensor]:
        """Means and scales' parameters (batch, 2 latent) of every level, from the top down."""
        d, said = entered(self.space, x, self.dtype).flatten(1), []
        for up, tell in zip(self.up, self.tell):
            d = nn.functional.silu(up(d, c))
            said.append(tell(d))
        return said[::-1]

    def descend(
        self, n: int, evidence: Sequence[Tensor] | None, take: Sequence[Take], c: Tensor | None
    ) -> tuple[list[Level], Tensor]:
        """A pass from the top down."""
        said = [None] * len(take) if evidence is None else [normal(e) for e in evidence]
        zero = torch.zeros(n, *self.sizes[0], device=self.device, dtype=self.dtype)
        unit = Normal(zero, torch.ones_like(zero), validate_args=False)
        levels = [taken(unit, said[0], take[0])]
        maps: Sequence[MLP] = self.down  # type: ignore[assignment]
        for down, data, how in zip(reversed(maps), said[1:], take[1:]):
            p = normal(down(levels[-1].z, c))
            levels.append(taken(p, None if data is None else joined(data, p), how))
        return levels, self.leave(levels[-1].z, c)


def normal(parameters: Tensor) -> Normal:
    """Mean and scale from (batch, 2 latent)."""
    mean, scale = precise(parameters).chunk(2, 1)
    return Normal(mean, scale_of(scale, LEAST), validate_args=False)


def joined(a: Normal, b: Normal) -> Normal:
    """The normalised product of two normal densities."""
    one, other = a.scale**-2, b.scale**-2
    total = one + other
    mean = (a.loc * one + b.loc * other) / total
    return Normal(mean, total**-0.5, validate_args=False)


@example(data="bars")
def ladder_vae() -> LadderVAE:
    """The smallest instance, with the paper's warm-up."""
    objective = ELBO(beta=Linear(until=0.5))
    return LadderVAE(Pixels(1, 4, 4, levels=2), (3, 2), width=32, objective=objective)


@example(data="digits?labels=True&levels=2")
def conditional_ladder_vae() -> LadderVAE:
    """The smallest class-conditional instance."""
    return LadderVAE(Pixels(1, 8, 8, levels=2), (3, 2), width=32, classes=10)


system("ladder-vae", lecture=11, title="Ladder VAE", paper="arXiv:1602.02282")
