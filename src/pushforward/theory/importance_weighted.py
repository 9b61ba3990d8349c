"""The importance-weighted bound as an ordinary one, and the posterior that it uses.

    L_k     = E_{z_1..z_k ~ q} log (1/k) sum_i w_i,       w = p(x, z) / q(z | x)
    q_IW(z) = q(z) E_{z_2..z_k ~ q} [ w(z) / ((w(z) + w_2 + ... + w_k) / k) ]
    L_k    <= ELBO(q_IW) <= log p(x)

q_IW is the law of a draw that is picked out of k with probabilities w_i / sum w. At k = 1 it is q,
for k to infinity the true posterior: an IWAE is a VAE whose posterior is that good, and draws from
an IWAE's posterior should be picked so.

Importance Weighted Autoencoders (Burda et al., 2016), arXiv:1509.00519; Reinterpreting
Importance-Weighted Autoencoders (Cremer, Morris, Duvenaud, 2017), arXiv:1704.02916, eqs. 6-8.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ..core.spaces import count


def resampled_log_prob(log_q: Tensor, log_w: Tensor, others: Tensor) -> Tensor:
    """Log q_IW at points with log q and log w (points,), in nats.

    Args:
        others: log-weights (draws, k - 1) of draws from q, over which the mean is taken.
    """
    k = others.shape[1] + 1
    total = torch.logaddexp(log_w[:, None], others.logsumexp(1))
    share = (log_w[:, None] - total).logsumexp(1) - math.log(len(others))
    return log_q + math.log(k) + share


def resampled(z: Tensor, log_w: Tensor) -> Tensor:
    """For each of n sets of k draws, one picked by its weight: z (k, n, latent) to (n, latent)."""
    pick = torch.distributions.Categorical(logits=log_w.T).sample()
    return z[pick, torch.arange(z.shape[1], device=z.device)]


def importance_bounds(log_w: Tensor, k: int) -> Tensor:
    """Draws of log (1/k) sum w from log-weights (n,), (n // k,); their mean estimates L_k."""
    n = len(log_w) // count("k", k, 1) * k
    return log_w[:n].view(-1, k).logsumexp(1) - math.log(k)
