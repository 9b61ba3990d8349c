"""DCGAN: the first convolutional networks that a GAN trained on stably.

The rules are the paper: strided convolutions in place of pooling, batch normalisation in both
networks (not at the generator's end nor the critic's entrance), ReLU in the generator and leaky
ReLU in the critic, no hidden dense layers. They live in `nn/dcgan.py`; the game is `GAN`'s.

Unsupervised Representation Learning with Deep Convolutional GANs (Radford, Metz and Chintala,
2016), arXiv:1511.06434, section 3: Adam(2e-4, betas=(0.5, 0.999)), batches of 128, 100 numbers of
noise. Differs from the paper: noise is Gaussian, not uniform; sizes from 8 x 8 up.

Running statistics of a normalised generator follow every forward pass in training mode, the ones
for the critic's loss included (a test shows it): they are of the generator's own outputs either
way. Real data and fakes pass through the critic in batches of their own.
"""

from __future__ import annotations

from ...core.catalogue import example, system
from ...core.given import told
from ...core.spaces import Pixels, Space, count
from ...nn.dcgan import DCGANCritic, DCGANGenerator
from .gan import GAN


class DCGAN(GAN):
    """A GAN of images with DCGAN's networks.

    Args:
        space: images whose sides can be halved evenly down to 4 .. 7.
        latent: length of the noise.
        width: channels next to the image; they double as sides halve.
        classes: number of labels that both networks are told; 0 is none.
    """

    def __init__(self, space: Space, latent: int = 100, width: int = 64, classes: int = 0):
        if not isinstance(space, Pixels):
            raise ValueError(f"DCGAN is for images, not {space}")
        given = told(count("classes", classes, 0))
        generator = DCGANGenerator(latent, space.shape, width, classes)
        critic = DCGANCritic(space.shape, width, classes)
        super().__init__(space, generator, critic, latent, given=given)


system("dcgan", lecture=9, title="Deep convolutional GAN", paper="arXiv:1511.06434")


@example(data="digits", slow=True)
def dcgan() -> DCGAN:
    """The smallest instance: what the laws test and the gallery draws."""
    return DCGAN(Pixels(1, 8, 8, levels=17), latent=8, width=16)
