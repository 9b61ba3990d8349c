"""f-GAN: a GAN for every f-divergence.

    min_G max_T  E T(x) - E f*(T(G(z))),    T = g_f(critic)

The critic's value is a lower bound on D_f(data || model), tight at T* = f'(p / q): which divergence
is minimised is a choice of one convex function.

f-GAN (Nowozin, Cseke and Tomioka, 2016), arXiv:1606.00709, eqs. 4-6, table 2; the generator
maximises E T(G(z)) instead of minimising -E f*(T(G(z))), as in section 3.2. Differs from the
paper: Pearson's conjugate and the constants of JS and TV as `objectives.f_divergences` says.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from ...core.blueprint import record
from ...core.catalogue import example, system
from ...core.contract import Terms
from ...core.given import Given
from ...core.spaces import Reals, Space
from ...objectives.alpha import f_divergence
from ...objectives.f_divergences import FDivergence
from .gan import GAN, critic_for, generator_for


@record
@dataclass(frozen=True)
class Variational:
    """The variational bound on an f-divergence, as a loss on scores.

    `divergence` is a name in `objectives.f_divergences`, such as "kl" or "squared-hellinger", or
    "alpha(0.5)" for an alpha-divergence; the divergence itself stands for its name.

    Raises Usage for another name, and ValueError where a divergence has no name that finds it, or
    alpha is not finite.
    """

    divergence: str

    if TYPE_CHECKING:

        def __init__(self, divergence: str | FDivergence) -> None: ...

    def __post_init__(self) -> None:
        object.__setattr__(self, "divergence", name_of(self.divergence))

    @property
    def f(self) -> FDivergence:
        """The divergence of that name."""
        return f_divergence(self.divergence)

    def critic(self, real: Tensor, fake: Tensor) -> Terms:
        """-T(x) and f*(T(G(z))): minus the bound (eq. 4)."""
        conjugate = self.f.conjugate(self.f.activation(fake))
        return {"real": -self.f.activation(real), "fake": conjugate}

    def generator(self, fake: Tensor, real: Callable[[], Tensor]) -> Terms:
        """-T(G(z)) (section 3.2)."""
        return {"fake": -self.f.activation(fake)}


def name_of(divergence: str | FDivergence) -> str:
    """The name that a divergence is found by. Raises ValueError where there is none."""
    if isinstance(divergence, str):
        return f_divergence(divergence).name
    found, u = f_divergence(divergence.name), torch.tensor([0.5, 2.0])
    if not torch.equal(divergence.generator(u), found.generator(u)):
        raise ValueError(
            "an f-divergence must be a named one or an alpha-divergence, so that it can be written "
            f"down: {divergence.name!r} is the name of another"
        )
    return found.name


class FGAN(GAN):
    """A GAN that minimises an f-divergence of data from model.

    Args:
        space: images or real vectors.
        divergence: its name, such as "kl", "reverse-kl", "pearson", "jensen-shannon",
            "alpha(0.5)"; or the divergence, such as `alpha_divergence(0.5)`.
        generator: as in `GAN`.
        critic: as in `GAN`.
        latent: length of the noise.
        turns: the critic's moves for each of the generator's.
        given: as in `GAN`.
    """

    def __init__(
        self,
        space: Space,
        divergence: str | FDivergence = "jensen-shannon",
        generator: nn.Module | None = None,
        critic: nn.Module | None = None,
        latent: int = 128,
        turns: int = 1,
        given: Given = None,
    ):
        objective = Variational(divergence)
        self.blueprint.update(divergence=objective.divergence)  # what JSON can hold
        super().__init__(space, generator, critic, latent, objective, turns, given)


system("f-gan", lecture=10, title="f-GAN", paper="arXiv:1606.00709")


@example(data="gaussians8")
def f_gan() -> FGAN:
    """The smallest instance: what the laws test and the gallery draws."""
    space = Reals((2,))
    networks = generator_for(space, 4, 32), critic_for(space, 32)
    return FGAN(space, "jensen-shannon", *networks, latent=4)
