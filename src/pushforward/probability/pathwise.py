"""Draws of pixel values that a gradient passes through: what a critic may judge of a likelihood.

    bits, few levels    a one-hot draw, with the gradient of a softmax at temperature 1
    a logistic in bins  round(m + s logit(u)) clipped, with the gradient of m + s logit(u)

Forwards both are draws from the distribution exactly; backwards rounding is passed straight
through, which is biased, and moves means and scales alike: a critic that dislikes noise makes a
distribution sharp.

Categorical Reparameterization with Gumbel-Softmax (Jang, Gu and Poole, 2017), arXiv:1611.01144,
section 2.2.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.distributions import Bernoulli, Categorical, Distribution

from ..core.spaces import Pixels
from .discretized import DiscretizedLogistic
from .gumbel import StraightThrough

PATHWISE = (Bernoulli, Categorical, DiscretizedLogistic)
LEAST = 2.0**-25  # less than torch.rand's smallest number above 0


def pathwise(given: Distribution, space: Pixels) -> Tensor:
    """A draw from independent pixel values, as floats in [-1, 1], with gradients.

    `given` is one of `PATHWISE` over values of `space`; raises ValueError for others.
    """
    match given:
        case Bernoulli():
            return _chosen(torch.stack([torch.zeros_like(given.logits), given.logits], -1))
        case Categorical():
            return _chosen(given.logits)
        case DiscretizedLogistic():
            return _rounded(given, space)
    raise ValueError(f"a {type(given).__name__} has no draws that a gradient passes through")


def _chosen(logits: Tensor) -> Tensor:
    levels = logits.shape[-1]
    values = torch.linspace(-1, 1, levels, device=logits.device, dtype=logits.dtype)
    return StraightThrough()(logits, 1.0) @ values


def _rounded(given: DiscretizedLogistic, space: Pixels) -> Tensor:
    u = torch.rand_like(given.loc).clamp(min=LEAST)
    x = (given.loc + given.log_scale.exp() * u.logit()).clamp(-1, 1)
    return x + (space.to_signed(space.from_signed(x), x.dtype) - x).detach()
