"""WGAN-GP: a critic whose slope is held at one measures the Wasserstein distance.

    L = E f(G(z)) - E f(x) + lambda E (|grad f(u)| - 1)^2,    u = x + t (G(z) - x),  t ~ U[0, 1]

Clipping weights makes a critic Lipschitz by making it simple; a penalty on its slope, between real
and generated data, leaves it free to be anything else. The best critic has slope one almost
everywhere on lines between coupled points (proposition 1), and E f(x) - E f(G(z)) is then near W1:
for a finite lambda somewhat above it, as a slope of 1 + gain / (2 lambda) pays.

Improved Training of Wasserstein GANs (Gulrajani et al., 2017), arXiv:1704.00028, eq. 3, algorithm
1: lambda = 10, five critic turns, Adam(1e-4, betas=(0, 0.9)), and no normalisation over the batch
in the critic.

Networks: the usual ones by default (pyramids of convolutions or an MLP with SiLU, which are not the
paper's). The paper's are passed: `ResNetGenerator(128, space.shape)` and
`AveragingCritic(space.shape)` of `nn/resnet_gan.py` (appendix F).
"""

from __future__ import annotations

from torch import nn

from ...core.catalogue import example, system
from ...core.given import Given
from ...core.spaces import Reals, Space
from ...objectives.adversarial import Wasserstein
from ...objectives.penalties import GradientPenalty
from .gan import GAN, critic_for, generator_for


class WGANGP(GAN):
    """min_G max_{|f|_L <= 1}  E f(x) - E f(G(z)), with a penalty for slopes other than 1.

    Args:
        space: images or real vectors.
        generator: as in `GAN`.
        critic: as in `GAN`, without normalisation over the batch.
        latent: length of the noise.
        penalty: lambda.
        turns: the critic's moves for each of the generator's.
        given: as in `GAN`.
    """

    def __init__(
        self,
        space: Space,
        generator: nn.Module | None = None,
        critic: nn.Module | None = None,
        latent: int = 128,
        penalty: float = 10.0,
        turns: int = 5,
        given: Given = None,
    ):
        terms = (GradientPenalty(penalty),)
        super().__init__(space, generator, critic, latent, Wasserstein(), turns, given, terms)


system("wgan-gp", lecture=9, title="WGAN with gradient penalty", paper="arXiv:1704.00028")


@example(data="gaussians8")
def wgan_gp() -> WGANGP:
    """The smallest instance: what the laws test and the gallery draws."""
    space = Reals((2,))
    networks = generator_for(space, 4, 32), critic_for(space, 32)
    return WGANGP(space, *networks, latent=4, penalty=1.0)
