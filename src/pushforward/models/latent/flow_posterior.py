"""Flow posteriors: a Gaussian carried on by bijections that the encoder steers.

    z_0 ~ N(m(x), s(x)^2),   z = g(z_0; h(x)),   log q(z|x) = log q(z_0|x) - log|det dg/dz_0|

The true posterior of a non-linear decoder is no diagonal Gaussian; a flow bends one towards it, at
the price of a determinant and without ever inverting: a VAE asks only for the density of its own
draws.

Variational Inference with Normalizing Flows (Rezende & Mohamed, 2015), arXiv:1505.05770, eq. 15;
Improving Variational Inference with Inverse Autoregressive Flow (Kingma et al., 2016),
arXiv:1606.04934, algorithm 1; Sylvester Normalizing Flows (van den Berg et al., 2018),
arXiv:1803.05649.
Differs: IAF steps are affine rather than gated, and planar steps are all given by the context.
"""

from __future__ import annotations

from collections.abc import Sequence

from ...core.catalogue import example, system
from ...core.given import told
from ...core.spaces import Pixels
from ...probability.bijections.bijection import Bijection
from ...probability.posteriors import FlowPosterior
from ..flow.flow import Flow
from ..flow.iaf import IAF
from ..flow.planar import PlanarFlow
from .vae import VAE, dense_decoder, dense_encoder


def posterior(flow: Flow) -> FlowPosterior:
    """The bijections of a flow over Reals((latent,)) as a posterior; its base stays behind.

    Take a flow whose draws are quick (`PlanarFlow`, `IAF`), built with a `context` or without.
    """
    steps: Sequence[Bijection] = tuple(flow.bijection.bijections)  # type: ignore[arg-type]
    return FlowPosterior(flow.space.dims, steps)


def with_posterior(space: Pixels, flow: Flow, width: int, classes: int = 0) -> VAE:
    """A VAE of perceptrons with that posterior, told one of `classes` labels where it is not 0."""
    given = told(classes)
    encoder = dense_encoder(space, posterior(flow), width, given=given)
    return VAE(encoder, dense_decoder(space, flow.space.dims, width, given=given))


@example(data="bars?height=2")
def planar_posterior() -> VAE:
    """The smallest VAE with planar steps that the encoder gives."""
    return with_posterior(Pixels(1, 2, 4, levels=2), PlanarFlow(2, steps=2, context=4), 32)


@example(data="bars?height=2")
def iaf_posterior() -> VAE:
    """The smallest VAE with inverse autoregressive steps."""
    return with_posterior(Pixels(1, 2, 4, levels=2), IAF(2, 2, width=16, context=4), 32)


system("flow-posterior", lecture=5, title="Flow posteriors", paper="arXiv:1505.05770")
system("iaf-posterior", lecture=5, title="IAF posterior", paper="arXiv:1606.04934")
