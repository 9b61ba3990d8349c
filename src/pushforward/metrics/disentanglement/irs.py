"""IRS: does a latent stay where it is while one factor is held and all others change?

    D_jk  = mean_v  sup_{x: v_k(x) = v} | z_j(x) - E[z_j | v_k = v] |      moved though k was held
    D_j   = sup_x | z_j(x) - E z_j |                                       moved at all
    IRS   = sum_j D_j max_k (1 - D_jk / D_j) / sum_j D_j

1 is perfect: for each latent there is a factor that alone moves it. Several latents may share one.

Robustly Disentangled Causal Mechanisms: Validating Deep Representations for Interventional
Robustness (Suter et al., 2019), arXiv:1811.00007, section 4: EMPIDA, for factors that are
independent and equally likely, and codes without noise.
Differs from the paper: the supremum with a factor held is the 99th percentile, as in the authors'
code and the tables of disentanglement_lib; `quantile=1` is the paper's.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..measurement import Measurement
from .codes import checked, ranks, score, varying


def interventional_robustness(
    codes: Tensor, factors: Tensor, quantile: float = 0.99
) -> Measurement:
    """IRS of codes (n, latent) of factors (n, factors); 0 where no latent varies.

    Raises ValueError for other shapes, NaN, no factor that varies, or a quantile not in (0, 1].
    """
    z, v = checked(codes, factors)
    if not 0 < quantile <= 1:
        raise ValueError(f"quantile must be in (0, 1], not {quantile}")
    most = (z - z.mean(0)).abs().amax(0)
    held = torch.stack([moved(z, column, quantile) for column in v[:, varying(v)].T], 1)
    # D_j cancels, but for a latent that never moves, whose weight is 0.
    value = (most - held.amin(1)).sum() / most.sum() if most.sum() > 0 else most.sum()
    return score("IRS", value.item(), z, f"quantile {quantile:g}")


def moved(codes: Tensor, factor: Tensor, quantile: float) -> Tensor:
    """D_jk (latent,): how far codes (n, latent) move while `factor` (n,) is held, on average."""
    value, values = ranks(factor)
    groups = [codes[value == i] for i in range(values)]
    far = [torch.quantile((z - z.mean(0)).abs(), quantile, dim=0) for z in groups]
    return torch.stack(far).mean(0)
