"""VLAE: a decoder that sees a small window, so that z is left with what lies outside of it.

    p(x | z) = prod_i p(x_i | x_{window(i)}, f(z)),     p(z) = prod_j p(z_j | z_<j)

Information that the decoder can model by itself costs nothing there, and a rate if it stands in z:
z is lossy, and what it loses is chosen by the window. With windows of a few pixels, texture is lost
and shape is kept. The autoregressive prior is a posterior by inverse autoregressive flow in another
dress (`theory.weight_with_posterior`), so that the rate is small for what z does hold.

Variational Lossy Autoencoder (Chen et al., 2017), arXiv:1611.02731, sections 3.1 and 3.2.
Differs from the paper: plain convolutional pyramids in place of ResNets; a gated PixelCNN as the
decoder; no free bits (give an objective).
"""

from __future__ import annotations

from ...core.catalogue import example, system
from ...core.spaces import Pixels
from ...objectives.variational import Objective
from ..flow.maf import MAF
from .pixel_vae import pixel_vae
from .vae import VAE


def vlae(
    space: Pixels,
    latent: int = 32,
    width: int | None = None,
    window: int = 3,
    features: int = 16,
    couplings: int = 4,
    units: int = 128,
    objective: Objective | None = None,
    classes: int = 0,
) -> VAE:
    """A PixelVAE of one gated layer after a small first one, with an autoregressive prior.

    Args:
        space: Pixels of any levels.
        latent: length of z.
        width: channels at full size; a multiple of the channels. None is the one next to 32.
        window: kernel of the first convolution, odd; a pixel is drawn from window // 2 + 1 rows
            above it, and as many columns on either side.
        features: of f(z) at every pixel.
        couplings: autoregressive layers of the prior.
        units: in the hidden layer of each.
        objective: what is minimised; the negative ELBO where None.
        classes: labels that encoder and decoder are told; 0 is none.

    Raises ValueError for another space.
    """
    prior = MAF(latent, couplings, units)
    return pixel_vae(space, latent, width, 1, window, features, objective, classes, prior)


@example(data="bars")
def lossy_vae() -> VAE:
    """The smallest instance."""
    return vlae(Pixels(1, 4, 4, levels=2), 2, 8, 3, 4, couplings=1, units=16)


system("vlae", lecture=7, title="Variational lossy autoencoder", paper="arXiv:1611.02731")
