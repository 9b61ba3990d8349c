"""SAGAN: places of an image attend to one another, in generator and critic of spectral norm one.

    critic:     E relu(1 - D(x, y)) + E relu(1 + D(G(z, y), y))
    generator:  -E D(G(z, y), y)
    attention:  y = gamma o + h, gamma from 0

Convolutions paint textures and lose count of legs: what belongs together is far apart. One layer of
attention lets any two places agree. Spectral normalisation of the generator too, and a critic that
learns four times as fast, let both take turns one to one.

Self-Attention Generative Adversarial Networks (Zhang, Goodfellow, Metaxas and Odena, 2019),
arXiv:1805.08318, eqs. 1-4, section 4: 128 numbers of noise, conditional batch normalisation in the
generator, a projection in the critic, `TWO_RATES` for Adam; the residual networks of
`nn/resnet_gan.py`. Differs from the paper: attention is at half of the sides up to 32x32 (theirs,
at 32x32 of 128x128, is the default from 64x64 on); sizes from 8x8 up.
"""

from __future__ import annotations

from ...core.catalogue import example, system
from ...core.given import told
from ...core.spaces import Pixels, Space, count
from ...nn.resnet_gan import ResNetCritic, ResNetGenerator
from ...nn.spectral import SpectrallyNormalised
from ...objectives.adversarial import Hinge
from .gan import GAN

TWO_RATES = {"critic": 4e-4, "generator": 1e-4}
"""The paper's learning rates, with betas (0, 0.9)."""


def attention_for(space: Pixels) -> int:
    """Where features attend by default: at 32 from 64 pixels on, below at half of the height."""
    return 32 if space.height >= 64 else space.height // 2


def images(space: Space, who: str) -> Pixels:
    """Returns `space`, if it is of images; else raises ValueError."""
    if not isinstance(space, Pixels):
        raise ValueError(f"{who} is for images, not {space}")
    return space


class SAGAN(GAN):
    """A game of residual networks with attention, both of spectral norm one.

    Args:
        space: images whose sides can be halved evenly down to 4 .. 7.
        latent: length of the noise.
        width: channels at full size (`nn/resnet_gan.py`).
        attention: the height of the features that attend to one another, in both networks; 0 is
            nowhere, None is where `attention_for` says.
        classes: number of labels that both networks are told; 0 is none.
        turns: the critic's moves for each of the generator's.
    """

    def __init__(
        self,
        space: Space,
        latent: int = 128,
        width: int = 64,
        attention: int | None = None,
        classes: int = 0,
        turns: int = 1,
    ):
        space = images(space, "SAGAN")
        given, shape = told(count("classes", classes, 0)), space.shape
        attention = attention_for(space) if attention is None else attention
        generator = ResNetGenerator(latent, shape, width, classes, attention)
        critic = ResNetCritic(shape, width, classes, attention)
        networks = SpectrallyNormalised(generator), SpectrallyNormalised(critic)
        super().__init__(space, *networks, latent, Hinge(), turns, given)


system("sagan", lecture=11, title="Self-attention GAN", paper="arXiv:1805.08318")


@example(data="digits?labels=True", slow=True)
def sagan() -> SAGAN:
    """The smallest instance: what the laws test and the gallery draws."""
    return SAGAN(Pixels(1, 8, 8, levels=17), latent=8, width=8, classes=10)
