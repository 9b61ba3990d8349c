"""A posterior with several modes, by implicit gradients through a mixture's draws.

    q(z | x) = sum_k w_k(x) N(z; m_k(x), s_k(x)^2),    dz/dphi = - (dF/dphi) / q     (eq. 5)

Where two latents explain a datum as well, one normal must choose or cover both. A mixture need not,
and its weights learn by the path of the draws, without a score-function term.

Implicit Reparameterization Gradients (Figurnov, Mohamed & Mnih, 2018), arXiv:1805.08498, eq. 5;
Stochastic Backpropagation through Mixture Density Distributions (Graves, 2016), arXiv:1607.05690.
"""

from __future__ import annotations

from ...core.catalogue import example, system
from ...core.given import told
from ...core.spaces import Pixels, Space
from ...probability.implicit import MixturePosterior
from .vae import VAE, dense_decoder, dense_encoder


def with_mixture_posterior(
    space: Space, latent: int, components: int, width: int, classes: int = 0
) -> VAE:
    """A VAE of perceptrons with that posterior, told one of `classes` labels where it is not 0."""
    given = told(classes)
    encoder = dense_encoder(space, MixturePosterior(latent, components), width, given=given)
    return VAE(encoder, dense_decoder(space, latent, width, given=given))


@example(data="bars?height=2")
def mixture_posterior() -> VAE:
    """The smallest instance."""
    return with_mixture_posterior(Pixels(1, 2, 4, levels=2), latent=2, components=2, width=32)


system(
    "implicit-reparametrisation",
    lecture=3,
    title="Implicit reparametrisation gradients",
    paper="arXiv:1805.08498",
)
