"""SNGAN: a critic whose every layer has spectral norm one, under the hinge loss.

    critic:     E relu(1 - D(x)) + E relu(1 + D(G(z)))
    generator:  -E D(G(z))

Its Lipschitz constant is at most one by construction, everywhere, at the price of one power
iteration per layer and pass: no penalty, no second derivative.

Spectral Normalization for Generative Adversarial Networks (Miyato et al., 2018),
arXiv:1802.05957, eqs. 8-9, 16-17: Adam(2e-4, betas=(0, 0.9)), five critic turns.

Networks: the usual ones by default (pyramids of convolutions or an MLP, which are not the paper's).
The paper's are passed: `SNGANGenerator(128, space.shape)` and `SNGANCritic(space.shape)` of
`nn/sngan.py` (table 3), or `ResNetGenerator(128, space.shape, 256)` and `ResNetCritic(space.shape)`
of `nn/resnet_gan.py` (table 4).
"""

from __future__ import annotations

from torch import nn

from ...core.catalogue import example, system
from ...core.given import Given
from ...core.spaces import Reals, Space
from ...nn.spectral import SpectrallyNormalised
from ...objectives.adversarial import AdversarialLoss, Hinge
from .gan import GAN, critic_for, generator_for


class SNGAN(GAN):
    """A GAN whose critic is spectrally normalised. Arguments as in `GAN`.

    Args:
        space: images or real vectors.
        generator: as in `GAN`.
        critic: as in `GAN`; its layers are normalised here.
        latent: length of the noise.
        objective: the loss on scores.
        turns: the critic's moves for each of the generator's.
        given: as in `GAN`.
    """

    def __init__(
        self,
        space: Space,
        generator: nn.Module | None = None,
        critic: nn.Module | None = None,
        latent: int = 128,
        objective: AdversarialLoss = Hinge(),  # noqa: B008 (it is frozen)
        turns: int = 5,
        given: Given = None,
    ):
        normalised = SpectrallyNormalised(critic or critic_for(space, given=given))
        super().__init__(space, generator, normalised, latent, objective, turns, given)


system("sngan", lecture=9, title="Spectrally normalised GAN", paper="arXiv:1802.05957")


@example(data="gaussians8", slow=True)
def sngan() -> SNGAN:
    """The smallest instance: what the laws test and the gallery draws."""
    space = Reals((2,))
    return SNGAN(space, generator_for(space, 4, 32), critic_for(space, 32), latent=4, turns=2)
