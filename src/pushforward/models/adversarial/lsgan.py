"""LSGAN: least squares in place of the logistic loss.

    critic:     1/2 E (D(x) - b)^2 + 1/2 E (D(G(z)) - a)^2
    generator:  1/2 E (D(G(z)) - c)^2

Samples that the critic already takes for real are still pulled towards the decision boundary: a
square does not saturate. With b - c = 1 and b - a = 2 (say -1, 1, 0) the generator minimises a
Pearson chi-square at the best critic; the default is the 0-1 coding (0, 1, 1), as in the paper's
experiments.

Least Squares Generative Adversarial Networks (Mao et al., 2016), arXiv:1611.04076, eqs. 2, 9.
Differs from the paper: the usual networks by default (pyramids of convolutions or an MLP).
"""

from __future__ import annotations

from torch import nn

from ...core.catalogue import example, system
from ...core.given import Given
from ...core.spaces import Reals, Space
from ...objectives.adversarial import LeastSquares
from .gan import GAN, critic_for, generator_for


class LSGAN(GAN):
    """A GAN whose critic regresses on b for data and a for fakes. Other arguments as in `GAN`.

    Args:
        space: images or real vectors.
        generator: as in `GAN`.
        critic: as in `GAN`.
        latent: length of the noise.
        turns: the critic's moves for each of the generator's.
        given: as in `GAN`.
        a: what the critic's score should be on fakes.
        b: what it should be on data.
        c: what the generator wants it to be on fakes.
    """

    def __init__(
        self,
        space: Space,
        generator: nn.Module | None = None,
        critic: nn.Module | None = None,
        latent: int = 128,
        turns: int = 1,
        given: Given = None,
        a: float = 0.0,
        b: float = 1.0,
        c: float = 1.0,
    ):
        objective = LeastSquares(a, b, c)
        super().__init__(space, generator, critic, latent, objective, turns, given)


system("lsgan", lecture=8, title="Least-squares GAN", paper="arXiv:1611.04076")


@example(data="gaussians8")
def lsgan() -> LSGAN:
    """The smallest instance: what the laws test and the gallery draws."""
    space = Reals((2,))
    return LSGAN(space, generator_for(space, 4, 32), critic_for(space, 32), latent=4)
