"""Mixture-of-logistics CDF: any smooth monotone curve, then an affine map.

    z = logit(F(x)) e^a + b,    F(x) = sum_k pi_k sigmoid((x - mu_k) / s_k)

The logit takes the CDF's values back to the real line. The inverse is found by halving between
mu_k + s_k logit(F), the smallest and the largest over k.

Flow++ (Ho et al., 2019), arXiv:1902.00275, eqs. 14-18.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...core.spaces import count
from .elementwise import Affine, Elementwise
from .roots import solve_increasing

FLAT = -7.0  # the least log s_k


class LogisticMixture(Elementwise):
    """3 K + 2 parameters: affine shift and scale, then logits, means and log scales of K parts."""

    def __init__(self, components: int = 4):
        super().__init__()
        self.components = count("components", components)
        self.arity = 3 * components + 2
        self.affine = Affine()

    def _parts(self, parameters: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        affine, mixture = parameters[:, :2], parameters[:, 2:]
        logits, mu, log_s = mixture.chunk(3, 1)
        return affine, logits.log_softmax(1), mu, log_s.clamp_min(FLAT)

    def forward(self, x: Tensor, parameters: Tensor) -> tuple[Tensor, Tensor]:
        """z and log dz/dx."""
        affine, log_pi, mu, log_s = self._parts(parameters)
        y, slope = _logit_cdf(x, log_pi, mu, log_s)
        z, more = self.affine(y, affine)
        return z, slope + more

    def inverse(self, z: Tensor, parameters: Tensor) -> tuple[Tensor, Tensor]:
        """x and log dx/dz."""
        affine, log_pi, mu, log_s = self._parts(parameters)
        y, more = self.affine.inverse(z, affine)
        ends = mu + log_s.exp() * y.unsqueeze(1)
        x = solve_increasing(
            lambda x: _logit_cdf(x, log_pi, mu, log_s)[0] - y,
            lambda x: _logit_cdf(x, log_pi, mu, log_s)[1].exp(),
            ends.amin(1),
            ends.amax(1),
        )
        return x, more - _logit_cdf(x, log_pi, mu, log_s)[1]


def _logit_cdf(x: Tensor, log_pi: Tensor, mu: Tensor, log_s: Tensor) -> tuple[Tensor, Tensor]:
    """logit F(x) and the log of its slope, f(x) / (F(x) (1 - F(x)))."""
    u = (x.unsqueeze(1) - mu) * (-log_s).exp()
    log_cdf, log_rest = F.logsigmoid(u), F.logsigmoid(-u)
    low = (log_pi + log_cdf).logsumexp(1)
    high = (log_pi + log_rest).logsumexp(1)
    log_pdf = (log_pi + log_cdf + log_rest - log_s).logsumexp(1)
    return low - high, log_pdf - low - high


def spread(last: nn.Conv2d | nn.Linear, components: int) -> None:
    """Starts the last layer of a network at means that differ, else all parts move as one."""
    means = torch.linspace(-1, 1, components) if components > 1 else torch.zeros(1)
    assert last.bias is not None
    with torch.no_grad():
        rows = last.bias.view(3 * components + 2, -1)
        rows[2 + components : 2 + 2 * components] = means.to(rows)[:, None]
        rows[2 + 2 * components :] = -0.5 * math.log(components)
