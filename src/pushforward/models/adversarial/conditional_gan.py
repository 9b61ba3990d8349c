"""Conditional GAN: generator and critic are both told y.

    min_G max_D  E log D(x, y) + E log(1 - D(G(z, y), y)),    z ~ N(0, I)

A critic that knows what was asked for refuses data of another kind, however real they look, so
that the generator has to listen: the game is played for every y apart, and at the best D its value
is the mean over y of 2 JSD(p(x | y), model(x | y)) - log 4.

Conditional Generative Adversarial Nets (Mirza and Osindero, 2014), arXiv:1411.1784, eq. 2. No class
of its own: every GAN here takes `given`, and has its loss, penalties and networks. Differs from the
paper: what is told enters at every layer of convolutions; no dropout, no maxout.
"""

from __future__ import annotations

from ...core.catalogue import example, system
from ...core.spaces import Labels, Pixels, Reals, Space
from ...objectives.adversarial import Hinge
from .gan import GAN, critic_for, generator_for
from .sngan import SNGAN

system("conditional-gan", lecture=8, title="Conditional GAN", paper="arXiv:1411.1784")


def _networks(space: Space, latent: int, width: int, given: Labels) -> dict:
    return {
        "generator": generator_for(space, latent, width, given),
        "critic": critic_for(space, width, given),
        "latent": latent,
        "given": given,
    }


@example(data="digits?labels=True", slow=True)
def conditional_gan() -> SNGAN:
    """The smallest instance on images, with a critic that cannot win outright."""
    space = Pixels(1, 8, 8, levels=17)
    return SNGAN(space, turns=1, **_networks(space, 8, 8, Labels(10)))


@example(data="gaussians8?labels=True")
def conditional_gan_vectors() -> GAN:
    """The smallest instance on vectors."""
    space = Reals((2,))
    return GAN(space, objective=Hinge(), **_networks(space, 4, 32, Labels(8)))
