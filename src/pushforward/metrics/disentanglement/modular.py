"""Modularity: does each latent tell of one factor only?

    theta_i = max_f m_if,    m_if = I(z_i; v_f)
    delta_i = sum_{f != argmax} m_if^2 / (theta_i^2 (F - 1)),     modularity = mean_i (1 - delta_i)

1 is perfect: several latents may share a factor, but no latent serves two. 0 is a code whose
latents tell as much of every factor. Noise tells a little of every factor, by chance more of one
than of another: a random code is not at 0, nor is there a level that all random codes have.

Learning Deep Disentangled Embeddings with the F-Statistic Loss (Ridgeway & Mozer, 2018),
arXiv:1802.05312, section 3: the deviation delta_i from a template with theta_i at the best factor.
A latent that tells nothing at all has no template; as in disentanglement_lib (Locatello et al.,
2019) it counts as 0, so that tables made with that compare.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..measurement import Measurement
from .codes import bins_for, checked, information, score, varying


def modularity(codes: Tensor, factors: Tensor, bins: int | None = None) -> Measurement:
    """Modularity of codes (n, latent) of factors (n, factors).

    `bins` of equal width for each latent; None takes 20, or as many as a factor has values. Raises
    ValueError for other shapes, NaN, or where no factor varies.
    """
    z, v = checked(codes, factors)
    number = bins_for(v, bins)
    told = information(z, v[:, varying(v)], number)
    return score("modularity", template_fit(told).mean().item(), z, f"{number} bins")


def template_fit(told: Tensor) -> Tensor:
    """1 - delta (latents,) of information (latents, factors); 0 for a latent that tells nothing."""
    squares = told.clamp(min=0).square()
    most = squares.amax(1)
    delta = (squares.sum(1) - most) / (most * max(1, told.shape[1] - 1))
    return torch.where(most > 0, 1 - delta, 0.0)
