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

from torch import Tensor, nn

from ...core.blueprint import record
from ...core.catalogue import example, nearest, system
from ...core.contract import Terms
from ...core.given import Given
from ...core.spaces import Reals, Space
from ...objectives.f_divergences import F_DIVERGENCES, FDivergence
from .gan import GAN, critic_for, generator_for

KNOWN = {divergence.name: divergence for divergence in F_DIVERGENCES}


@record
@dataclass(frozen=True)
class Variational:
    """The variational bound on an f-divergence, as a loss on scores.

    `divergence` is a name in `objectives.f_divergences`, such as "kl" or "squared-hellinger".
    """

    divergence: str

    def __post_init__(self) -> None:
        if self.divergence not in KNOWN:
            raise nearest(self.divergence, list(KNOWN), "f-divergence")

    @property
    def f(self) -> FDivergence:
        """The divergence of that name."""
        return KNOWN[self.divergence]

    def critic(self, real: Tensor, fake: Tensor) -> Terms:
        """-T(x) and f*(T(G(z))): minus the bound (eq. 4)."""
        conjugate = self.f.conjugate(self.f.activation(fake))
        return {"real": -self.f.activation(real), "fake": conjugate}

    def generator(self, fake: Tensor, real: Callable[[], Tensor]) -> Terms:
        """-T(G(z)) (section 3.2)."""
        return {"fake": -self.f.activation(fake)}


class FGAN(GAN):
    """A GAN that minimises an f-divergence of data from model.

    Args:
        space: images or real vectors.
        divergence: its name, such as "kl", "reverse-kl", "pearson", "jensen-shannon".
        generator: as in `GAN`.
        critic: as in `GAN`.
        latent: length of the noise.
        turns: the critic's moves for each of the generator's.
        given: as in `GAN`.
    """

    def __init__(
        self,
        space: Space,
        divergence: str = "jensen-shannon",
        generator: nn.Module | None = None,
        critic: nn.Module | None = None,
        latent: int = 128,
        turns: int = 1,
        given: Given = None,
    ):
        super().__init__(space, generator, critic, latent, Variational(divergence), turns, given)


system("f-gan", lecture=10, title="f-GAN", paper="arXiv:1606.00709")


@example(data="gaussians8")
def f_gan() -> FGAN:
    """The smallest instance: what the laws test and the gallery draws."""
    space = Reals((2,))
    networks = generator_for(space, 4, 32), critic_for(space, 32)
    return FGAN(space, "jensen-shannon", *networks, latent=4)
