"""WGAN: the critic's difference of means is a Wasserstein distance, if its weights are clipped.

    max_{w in [-c, c]}  E f_w(x) - E f_w(G(z))    (eqs. 2-3, algorithm 1)

A critic in a box is K-Lipschitz for some K, so that the best one gives K W1. It does not saturate
where data and fakes are told apart easily; but a box makes critics simple: most weights end at its
walls.

Wasserstein GAN (Arjovsky, Chintala and Bottou, 2017), arXiv:1701.07875: c = 0.01, five critic
turns, RMSprop(5e-5), batches of 64. Differs from the paper: the usual networks by default (pyramids
of convolutions or an MLP); theirs are DCGAN's, which can be passed.
"""

from __future__ import annotations

import math
from dataclasses import replace

from torch import nn

from ...core.catalogue import example, system
from ...core.contract import Player
from ...core.given import Given
from ...core.spaces import Reals, Space
from ...objectives.adversarial import Wasserstein
from .gan import GAN, critic_for, generator_for


class WGAN(GAN):
    """min_G max_{w in [-c, c]}  E f_w(x) - E f_w(G(z)).

    Args:
        space: images or real vectors.
        generator: as in `GAN`.
        critic: as in `GAN`.
        latent: length of the noise.
        bound: c, which every weight of the critic is clipped to after each of its moves.
        turns: the critic's moves for each of the generator's.
        given: as in `GAN`.
    """

    def __init__(
        self,
        space: Space,
        generator: nn.Module | None = None,
        critic: nn.Module | None = None,
        latent: int = 128,
        bound: float = 0.01,
        turns: int = 5,
        given: Given = None,
    ):
        super().__init__(space, generator, critic, latent, Wasserstein(), turns, given)
        if not 0 < bound < math.inf:
            raise ValueError(f"weights are clipped to a positive, finite bound, not {bound!r}")
        self.bound = bound

    def players(self) -> tuple[Player, ...]:
        """The critic, who is clipped after each move; then the generator."""
        critic, generator = super().players()
        return replace(critic, project=self.clip), generator

    def clip(self) -> None:
        """Brings every weight of the critic into [-bound, bound]."""
        for weight in self.critic.parameters():
            weight.data.clamp_(-self.bound, self.bound)


system("wgan", lecture=9, title="Wasserstein GAN with clipped weights", paper="arXiv:1701.07875")


@example(data="gaussians8", slow=True)
def wgan() -> WGAN:
    """The smallest instance; a wide box, because a narrow one learns slowly."""
    space = Reals((2,))
    return WGAN(space, generator_for(space, 4, 32), critic_for(space, 32), latent=4, bound=0.2)
