"""A flow in the prior is a flow in the posterior: the same weights, draw by draw.

    prior      z = f(e), e ~ N(0, I)       posterior   z ~ q0(z | x)
    the same   e ~ N(0, I)                 posterior   e = f^-1(z): q(e | x) = q0(z | x) |det df/de|

    log w = log p(x | z) + log N(e) - log|det df/de| - log q0(z | x)

Both readings sum the same four numbers. If f samples one number at a time (an autoregressive
prior), f^-1 takes one pass: the posterior is an inverse autoregressive flow. The decoder of the
second reading is p(x | f(e)), which is deeper by the flow; that is what a prior has over a
posterior of its own.

Variational Lossy Autoencoder (Chen et al., 2017), arXiv:1611.02731, section 3.2.
"""

from __future__ import annotations

from torch import Tensor
from torch.distributions import Distribution

from ..core.catalogue import system
from .flow_kl_duality import FlowLike

system(
    "prior-equals-posterior",
    lecture=5,
    kind="theory",
    title="A flow in the prior is a flow in the posterior",
    paper="arXiv:1611.02731",
)


def weight_with_prior(log_x: Tensor, z: Tensor, q: Distribution, flow: FlowLike) -> Tensor:
    """log p(x|z) + log p_flow(z) - log q(z|x) of latents (batch, latent), in nats (batch,)."""
    return log_x + flow.log_prob(z) - q.log_prob(z)


def weight_with_posterior(log_x: Tensor, z: Tensor, q: Distribution, flow: FlowLike) -> Tensor:
    """log p(x|f(e)) + log base(e) - log q(e|x) of e = f^-1(z), whose q is that of z, moved."""
    e, _ = flow.bijection(z)
    back, log_det = flow.bijection.inverse(e)
    return log_x + flow.base.log_prob(e) - (q.log_prob(back) + log_det)
