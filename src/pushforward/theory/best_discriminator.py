"""The optimal discriminator, and what a GAN's value is when it plays.

    V(D, G) = E_p[log D(x)] + E_q[log(1 - D(x))]
    D*(x)   = p(x) / (p(x) + q(x)),            V(D*, G) = 2 JSD(p, q) - log 4

Pointwise, p log D + q log(1 - D) is concave in D with its top at D*. As a logit, D* is log p/q: a
discriminator is an estimate of a density ratio, whatever it is used for. Any other D gives less, so
that V is a lower bound on 2 JSD - log 4: an f-divergence's (`objectives.f_divergences.GAN`).

Generative Adversarial Nets (Goodfellow et al., 2014), arXiv:1406.2661, proposition 1, theorem 1.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from pushforward.core.catalogue import system
from pushforward.objectives import checks
from pushforward.objectives.f_divergences import GAN

system(
    "optimal-discriminator",
    lecture=8,
    kind="theory",
    title="Optimal discriminator: D* = p / (p + q), value 2 JSD - log 4",
    paper="Goodfellow et al. (2014), arXiv:1406.2661",
)


def optimal_logit(log_p: Tensor, log_q: Tensor) -> Tensor:
    """The logit of D*, elementwise, from log-densities of the data (p) and the generator (q)."""
    checks.same_shape(log_p=log_p, log_q=log_q)
    return log_p - log_q


def optimal_discriminator(log_p: Tensor, log_q: Tensor) -> Tensor:
    """D* = p / (p + q), elementwise, from log-densities; 1 / 2 where the two agree."""
    return torch.sigmoid(optimal_logit(log_p, log_q))


def value(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """V = E_p[log D] + E_q[log(1 - D)] from a discriminator's logits at samples: a scalar."""
    return F.logsigmoid(real_logits).mean() + F.logsigmoid(-fake_logits).mean()


def value_discrete(logits: Tensor, p: Tensor, q: Tensor) -> Tensor:
    """V of a discriminator with logits (..., K) on K outcomes with probabilities p and q: (...)."""
    checks.same_shape(logits=logits, p=p, q=q)
    checks.probabilities("p", p), checks.probabilities("q", q)
    real, fake = F.logsigmoid(logits), F.logsigmoid(-logits)
    # An outcome that p or q never gives costs nothing, however sure D is of it.
    return (p * real.where(p > 0, 0.0) + q * fake.where(q > 0, 0.0)).sum(-1)


def optimal_value(p: Tensor, q: Tensor) -> Tensor:
    """V(D*, G) = 2 JSD(p, q) - log 4 of probability vectors (..., K): (...), in [-log 4, 0]."""
    return GAN.discrete(p, q)


def jensen_shannon_from_value(best: Tensor) -> Tensor:
    """The JSD that a discriminator's value shows: a lower bound on it, tight at D*."""
    return (best + math.log(4)) / 2
