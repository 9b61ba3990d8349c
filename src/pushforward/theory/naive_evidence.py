"""Estimating the evidence by draws from the prior, and why it fails.

    p_hat(x) = mean_i p(x | z_i),   z_i ~ p(z)        unbiased
    Var p_hat / p(x)^2 = chi2(p(z | x) || p(z)) / n  >=  (e^KL(p(z | x) || p(z)) - 1) / n

So many draws as the exponential of the information that x gives about z: hopeless where a model is
any good. Draws from any other q pay the chi-square of the posterior to q, nothing at q = p(z | x).

For z ~ N(0, I), x | z ~ N(z, s^2 I) all is in closed form: p(x) = N(0, (1 + s^2) I) and
E p(x|z)^2 = (4 pi s^2)^(-D/2) N(x; 0, (1 + s^2/2) I).

Chatterjee, Diaconis (2018), "The sample size required in importance sampling", Annals of Applied
Probability 28; Owen (2013), "Monte Carlo theory, methods and examples", chapter 9.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ..core.catalogue import system
from ..objectives import checks
from ..objectives.gaussians import kl_diagonal

system(
    "naive-evidence",
    lecture=3,
    kind="theory",
    title="The evidence by draws from the prior, and why it fails",
    paper="Chatterjee & Diaconis, 2018",
)


def relative_variance(x: Tensor, noise: float) -> Tensor:
    """Var p(x|z) / p(x)^2 of one draw from the prior, for data (..., D): (...).

    Raises ValueError for noise <= 0.
    """
    s2 = checks.positive_number("noise", noise) ** 2
    second = _log_normal(x, 1 + s2 / 2) - x.shape[-1] * math.log(4 * math.pi * s2) / 2
    return torch.expm1(second - 2 * _log_normal(x, 1 + s2))


def information(x: Tensor, noise: float) -> Tensor:
    """KL(p(z | x) || p(z)) in nats of the same model: what x tells about z, (...)."""
    s2 = checks.positive_number("noise", noise) ** 2
    scale = torch.full_like(x, math.sqrt(s2 / (1 + s2)))
    return kl_diagonal(x / (1 + s2), scale, torch.zeros_like(x), torch.ones_like(x))


def _log_normal(x: Tensor, variance: float) -> Tensor:
    return -(x**2 / variance + math.log(2 * math.pi * variance)).sum(-1) / 2
