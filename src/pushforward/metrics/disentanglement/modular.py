"""Modularity: does each latent tell of one factor only?

    theta_i = max_f m_if,    m_if = I(z_i; v_f)
    delta_i = sum_{f != argmax} m_if^2 / (theta_i^2 (F - 1)),     modularity = mean_i (1 - delta_i)

1 is perfect: several latents may share a factor, but no latent serves two. 0 is a code whose
latents tell as much of every factor.

Learning Deep Disentangled Embeddings with the F-Statistic Loss (Ridgeway & Mozer, 2018),
arXiv:1802.05312: the deviation delta_i from a template with theta_i at the best factor.
Differs from the paper: m is less by what a histogram shows of independent columns (Miller & Madow),
and a latent that tells less than LEAST nats of every factor is not counted; where none is left the
score is 0. Otherwise the ratio of two small errors would be taken for modular.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..measurement import Measurement
from .codes import bins_for, checked, information, ranks, score, varying

LEAST = 0.05


def modularity(codes: Tensor, factors: Tensor, bins: int | None = None) -> Measurement:
    """Modularity of codes (n, latent) of factors (n, factors).

    `bins` of equal width for each latent; None takes 20, or as many as a factor has values. Raises
    ValueError for other shapes, NaN, or where no factor varies.
    """
    z, v = checked(codes, factors)
    v = v[:, varying(v)]
    number = bins_for(v, bins)
    values = torch.tensor([ranks(column)[1] for column in v.T])
    chance = (number - 1) * (values - 1) / (2 * len(z))
    told = (information(z, v, number) - chance).clamp(min=0)
    kept = told[told.amax(1) > LEAST]
    value = (1 - deviation(kept)).mean().item() if len(kept) else 0.0
    return score("modularity", value, z, f"{number} bins, {len(kept)} informative latents")


def deviation(told: Tensor) -> Tensor:
    """delta (latents,) of information (latents, factors); 0 where there is one factor."""
    squares = told.square()
    most = squares.amax(1)
    return (squares.sum(1) - most) / (most * max(1, told.shape[1] - 1))
