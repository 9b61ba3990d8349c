"""Priors that learn: each is a density, and a VAE with one is a constructor call.

    rate = E_q[ log q(z|x) - log p(z) ]   is least when p(z) is the aggregated posterior q(z)

    mixture           p(z) = sum_k pi_k N(z; m_k, S_k)
    flow              p(z) = N(f(z)) |det df/dz|
    autoregressive    p(z) = prod_i p(z_i | z_<i)

ELBO surgery (Hoffman & Johnson, 2016) says why: the rate is the mutual information of x and z plus
KL(q(z) || p(z)), and only the second part is waste.

Variational Lossy Autoencoder (Chen et al., 2017), arXiv:1611.02731, section 3.2, for flows.
Differs: the AF prior there is the same model as a posterior by IAF; here they are two parts.
"""

from __future__ import annotations

from ...core.catalogue import example, system
from ...core.spaces import Pixels
from ...probability.covariances import DiagonalCovariance
from ..flow.maf import MAF
from ..flow.realnvp import VectorRealNVP
from .gmm import GMM
from .vae import VAE, TwoStageVAE, dense

BARS = Pixels(1, 4, 4, levels=2)


@example(data="bars")
def mixture_prior() -> VAE:
    """A VAE with a mixture of Gaussians as prior, trained along by gradient."""
    return VAE(*dense(BARS, latent=2, width=32), GMM(2, 4, DiagonalCovariance()))


@example(data="bars")
def flow_prior() -> VAE:
    """A VAE with a flow as prior, trained along."""
    return VAE(*dense(BARS, latent=2, width=32), VectorRealNVP(2, couplings=2, width=16))


@example(data="bars")
def autoregressive_prior() -> VAE:
    """A VAE with a masked autoregressive prior."""
    return VAE(*dense(BARS, latent=2, width=32), MAF(2, couplings=1, width=16))


@example(data="bars")
def prior_afterwards() -> TwoStageVAE:
    """A VAE against N(0, I), whose prior is then a mixture fitted by EM to the latents."""
    return TwoStageVAE(*dense(BARS, latent=2, width=32), GMM(2, 4, regularisation=1e-3))


system("mixture-prior", lecture=7, title="Mixture prior", paper="arXiv:1611.02648")
system("flow-prior", lecture=7, title="Flow prior", paper="arXiv:1611.02731")
system("autoregressive-prior", lecture=7, title="Autoregressive prior", paper="arXiv:1611.02731")
