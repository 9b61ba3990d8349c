"""LSGAN: least squares in place of the logistic loss.

    critic:     1/2 E (D(x) - 1)^2 + 1/2 E D(G(z))^2
    generator:  1/2 E (D(G(z)) - 1)^2

Samples that the critic already takes for real are still pulled towards the decision boundary: a
square does not saturate. The paper's theorem, that the generator minimises a Pearson chi-square, is
for other targets (b - c = 1, b - a = 2) than the 0-1 coding used here as in its experiments.

Least Squares Generative Adversarial Networks (Mao et al., 2016), arXiv:1611.04076, eqs. 2, 9.
Differs from the paper: the usual small networks by default.
"""

from __future__ import annotations

from torch import nn

from ...core.catalogue import example, system
from ...core.given import Given
from ...core.spaces import Reals, Space
from ...objectives.adversarial import LeastSquares
from .gan import GAN, critic_for, generator_for


class LSGAN(GAN):
    """A GAN whose critic regresses on 1 for data and 0 for fakes. Arguments as in `GAN`."""

    def __init__(
        self,
        space: Space,
        generator: nn.Module | None = None,
        critic: nn.Module | None = None,
        latent: int = 128,
        turns: int = 1,
        given: Given = None,
    ):
        super().__init__(space, generator, critic, latent, LeastSquares(), turns, given)


system("lsgan", lecture=8, title="Least-squares GAN", paper="arXiv:1611.04076")


@example(data="gaussians8")
def lsgan() -> LSGAN:
    """The smallest instance: what the laws test and the gallery draws."""
    space = Reals((2,))
    return LSGAN(space, generator_for(space, 4, 32), critic_for(space, 32), latent=4)
