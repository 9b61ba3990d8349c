"""A VAE with an autoregressive decoder, and the collapse that it shows.

    loss = E[-sum_d log p(x_d | x_<d, z)] + KL( q(z|x) || p(z) )

The bound charges for whatever z tells. A decoder that can tell it from the pixels before has no
reason to pay, so plain training ends with q(z|x) = p(z): the posterior has collapsed. Free bits (or
a rate that is annealed, a posterior that commits one, a decoder that is weakened) keep z in use.

Variational Lossy Autoencoder (Chen et al., 2017), arXiv:1611.02731, section 2; weakened by hiding
numbers: Generating Sentences from a Continuous Space (Bowman et al., 2016), arXiv:1511.06349,
section 3.2. The decoder here is a masked perceptron; PixelVAE's is in `pixel_vae`.
"""

from __future__ import annotations

from ...core.catalogue import example
from ...core.spaces import Pixels
from ...objectives.variational import ELBO, Objective
from ...probability.autoregressive_decoder import AutoregressiveDecoder
from ..autoregressive.made import MADE
from .vae import VAE, dense


def with_autoregressive_decoder(
    space: Pixels,
    latent: int,
    width: int,
    objective: Objective | None = None,
    blind: float = 0.0,
    classes: int = 0,
) -> VAE:
    """A VAE with a Gaussian encoder and a MADE as decoder; `classes` (0: none) are told to both."""
    encoder, _ = dense(space, latent, width, classes=classes)
    density = MADE(space, width=width, context=latent, blind=blind, classes=classes)
    return VAE(encoder, AutoregressiveDecoder(density), objective=objective)


@example(data="bars")
def ar_decoder() -> VAE:
    """The smallest instance, with free bits."""
    return with_autoregressive_decoder(
        Pixels(1, 4, 4, levels=2), 2, 32, ELBO(free_bits=0.5), blind=0.1
    )
