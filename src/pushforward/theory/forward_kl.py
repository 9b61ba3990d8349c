"""Forward KL: maximum likelihood, which must cover everything.

    argmin_theta KL(p || q_theta) = argmax_theta E_p[log q_theta(x)]

Where p has mass and q has none it costs infinitely much, so that q spreads over all that p does,
and over what lies between. In an exponential family the best q has p's expected statistics: a
Gaussian takes p's mean and covariance, whatever p's shape (moment matching). Only samples of p are
needed, and no density of it: it is the `loss` of every `Density`.

Bishop (2006), "Pattern recognition and machine learning", eqs. 10.186-10.187 and figure 10.3.
"""

from __future__ import annotations

import torch
from torch import Tensor

from pushforward.core.catalogue import system
from pushforward.objectives import checks
from pushforward.objectives.quadrature import LogDensity, grid

system(
    "forward-kl",
    lecture=1,
    kind="theory",
    title="Forward KL: maximum likelihood, moment matching, mode covering",
    paper="Bishop (2006), Pattern Recognition and Machine Learning, section 10.7",
)


def moment_matching(x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean (d,) and covariance (d, d) of the Gaussian nearest in forward KL to samples (n, d).

    The covariance divides by n: it is the maximum of the likelihood. n >= 2.
    """
    x = checks.samples("x", x, least=2)
    centred = x - x.mean(0)
    return x.mean(0), centred.mT @ centred / len(x)


def moment_matching_on_line(log_p: LogDensity, low: float, high: float) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of the Gaussian that minimises KL(p || q), two scalars.

    `log_p` maps points (n,) to log-densities (n,), up to a constant, with its mass in [low, high].
    """
    points, weights = grid(low, high)
    mass = torch.softmax(log_p(points) + weights.log(), dim=0)
    mean = (mass * points).sum()
    return mean, (mass * (points - mean) ** 2).sum().sqrt()
