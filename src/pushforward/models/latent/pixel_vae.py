"""PixelVAE: a VAE whose decoder is a PixelCNN that sees an image made from z.

    p(x | z) = prod_i p(x_i | x_<i, f(z)),    f: z -> a map of features at every pixel     (eq. 2)
    p(x | z, y) = prod_i p(x_i | x_<i, f(z, y), y)                         told a label as well

A few masked layers model texture, which a VAE blurs, and z is left with what lies too far apart for
them to see. With many layers they see it all, and z is not used: depth of the decoder is the trade.

PixelVAE: A Latent Variable Model for Natural Images (Gulrajani et al., 2017), arXiv:1611.05013,
section 3.1.
Differs from the paper: one level of latents; the features of f(z) enter every gated layer through
1x1 convolutions (Gated PixelCNN, arXiv:1606.05328, eq. 5) instead of standing beside the pixels in
the first; encoder and f are plain convolutional pyramids.
"""

from __future__ import annotations

from ...core.catalogue import example, system
from ...core.contract import Density
from ...core.given import told
from ...core.spaces import Pixels
from ...nn.conditions import width_of
from ...nn.conv import ConvDecoder, ConvEncoder
from ...objectives.variational import ELBO, Objective
from ...probability.autoregressive_decoder import AutoregressiveDecoder
from ...probability.posteriors import DiagonalGaussian, Encoder
from ..autoregressive.gated_pixelcnn import GatedPixelCNN
from .vae import VAE


def pixel_vae(
    space: Pixels,
    latent: int = 32,
    width: int | None = None,
    layers: int = 2,
    first: int = 7,
    features: int = 16,
    objective: Objective | None = None,
    classes: int = 0,
    prior: Density | None = None,
) -> VAE:
    """A VAE with convolutions on both sides of z and a gated PixelCNN as decoder.

    Args:
        space: Pixels of any levels.
        latent: length of z.
        width: channels at full size, in encoder, f and PixelCNN; a multiple of the channels. None
            is the one next to 32.
        layers: of the PixelCNN after its first.
        first: kernel of the first, odd.
        features: of f(z) at every pixel.
        objective: what is minimised; the negative ELBO where None.
        classes: labels that encoder, f and PixelCNN are told; 0 is none.
        prior: p(z), a density over Reals((latent,)); N(0, I) where None.

    Raises ValueError for another space.
    """
    if not isinstance(space, Pixels):
        raise ValueError(f"a PixelVAE models Pixels, not {space}")
    width = 32 // space.channels * space.channels if width is None else width
    posterior, given = DiagonalGaussian(latent), told(classes)
    sees = ConvEncoder(space.shape, posterior.outputs, width, width_of(given))
    encoder = Encoder(sees, space, posterior, given)
    density = GatedPixelCNN(space, width, layers, first=first, classes=classes, context=features)
    network = ConvDecoder(latent, (features, *space.shape[1:]), width, width_of(given))
    return VAE(encoder, AutoregressiveDecoder(density, network, given), prior, objective)


@example(data="bars")
def pixelvae() -> VAE:
    """The smallest instance, with free bits."""
    return pixel_vae(Pixels(1, 4, 4, levels=2), 2, 8, 1, 3, 4, ELBO(free_bits=0.5))


@example(data="digits?labels=True&levels=2")
def conditional_pixelvae() -> VAE:
    """The smallest class-conditional instance."""
    return pixel_vae(Pixels(1, 8, 8, levels=2), 2, 4, 1, 3, 2, classes=10)


system("ar-decoder", lecture=7, title="PixelVAE: autoregressive decoder", paper="arXiv:1611.05013")
