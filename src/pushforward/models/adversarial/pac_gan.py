"""PacGAN: mode collapse is seen by a critic that is shown several data at once.

    min_G max_D  E log D(x_1, ..., x_m) + E log(1 - D(G(z_1), ..., G(z_m)))

No class of its own: any GAN here, with `Packed(critic, m)` (`nn/packed.py`) as its critic. At the
best D, m = 2, a generator that has lost half of the modes is at a larger distance from the data
than one that mixes in as much of something else, where with m = 1 both are equally far.

PacGAN: The Power of Two Samples in Generative Adversarial Networks (Lin, Khetan, Fanti and Oh,
2018), arXiv:1712.04086, sections 2-3.
"""

from __future__ import annotations

from ...core.catalogue import example, system
from ...core.spaces import Reals
from ...nn.mlp import MLP
from ...nn.packed import Packed
from .gan import GAN, generator_for

system("pac-gan", lecture=8, title="PacGAN", paper="arXiv:1712.04086")


@example(data="gaussians8")
def pac_gan() -> GAN:
    """The smallest instance: what the laws test and the gallery draws."""
    space = Reals((2,))
    return GAN(space, generator_for(space, 4, 32), Packed(MLP(4, 1, 32, 3), 2), latent=4)
