"""A Gaussian over integers: every value owns the mass of its bin, the outermost own the tails.

    p(x) = Phi((hi(x) - mean) / std) - Phi((lo(x) - mean) / std)

Values 0 .. levels - 1 stand for points evenly spread over [-1, 1]; a bin reaches half-way to its
neighbours, the first from minus infinity and the last to infinity.

Denoising Diffusion Probabilistic Models (Ho et al., 2020), arXiv:2006.11239, eq. 13.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.special import log_ndtr


def discretized_gaussian_log_prob(x: Tensor, mean: Tensor, std: Tensor, levels: int) -> Tensor:
    """log p of the integers `x` in nats, elementwise; `mean` and `std` are on the scale [-1, 1].

    >>> x = torch.arange(5)
    >>> discretized_gaussian_log_prob(x, torch.tensor(0.3), torch.tensor(0.2), 5).exp().sum()
    tensor(1.)
    """
    centre = x.to(mean.dtype) * (2 / (levels - 1)) - 1
    inf = torch.full_like(centre, torch.inf)
    low = torch.where(x == 0, -inf, (centre - 1 / (levels - 1) - mean) / std)
    high = torch.where(x == levels - 1, inf, (centre + 1 / (levels - 1) - mean) / std)
    return _log_mass(low, high)


def _log_mass(low: Tensor, high: Tensor) -> Tensor:
    """log(Phi(high) - Phi(low)) for low < high, without cancellation in either tail."""
    flip = low > 0  # by symmetry: always look from the lower tail, where Phi is small
    low, high = torch.where(flip, -high, low), torch.where(flip, -low, high)
    # The outermost bins have one end at infinity, which has no gradient.
    left, right = torch.isneginf(low), torch.isposinf(high)
    a = log_ndtr(torch.where(left, torch.zeros_like(low), low))
    b = log_ndtr(torch.where(right, torch.zeros_like(high), high))
    b = torch.where(right, torch.zeros_like(b), b)
    within = b + torch.log(-torch.expm1(torch.minimum(a - b, torch.full_like(a, -1e-12))))
    return torch.where(left, b, within)
