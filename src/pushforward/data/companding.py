"""Mu-law: sound in few values, fine near silence and coarse where it is loud.

    f(x) = sign(x) ln(1 + mu |x|) / ln(1 + mu),    mu = levels - 1

ITU-T recommendation G.711 (1988); WaveNet (van den Oord et al., 2016), arXiv:1609.03499, sec. 2.2.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


def mu_law(wave: Tensor, levels: int = 256) -> Tensor:
    """A wave in [-1, 1] (clipped) as int64 values 0 .. levels - 1.

    >>> mu_law(torch.tensor([-1.0, 0.0, 1.0])).tolist()
    [0, 128, 255]
    """
    mu, x = levels - 1, wave.clamp(-1, 1)
    companded = x.sign() * torch.log1p(mu * x.abs()) / math.log1p(mu)
    return ((companded + 1) / 2 * mu + 0.5).long()


def mu_law_inverse(values: Tensor, levels: int = 256) -> Tensor:
    """Values 0 .. levels - 1 as a wave in [-1, 1], float32."""
    mu = levels - 1
    y = values.float() * (2 / mu) - 1
    return y.sign() * torch.expm1(y.abs() * math.log1p(mu)) / mu
