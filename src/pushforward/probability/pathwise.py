"""Draws of pixel values that a gradient passes through: what a critic may judge of a likelihood.

    bits, few levels   a one-hot draw, with the gradient of a softmax at temperature 1
    a density in bins  its draw, such as m + s logit(u), rounded and clipped, with the draw's
                       gradient

Forwards both are draws from the distribution exactly; backwards rounding is passed straight
through, which is biased, and moves means and scales alike: a critic that dislikes noise makes a
distribution sharp.

Categorical Reparameterization with Gumbel-Softmax (Jang, Gu and Poole, 2017), arXiv:1611.01144,
section 2.2.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import torch
from torch import Tensor
from torch.distributions import Bernoulli, Categorical, Distribution

from ..core.spaces import Pixels
from .gumbel import StraightThrough


@runtime_checkable
class Binned(Protocol):
    """Pixel values that are draws of a density, rounded and clipped."""

    def unrounded(self) -> Tensor:
        """Those draws, on the scale [-1, 1], with gradients."""


def pathwise(given: Distribution, space: Pixels) -> Tensor:
    """A draw from independent pixel values, as floats in [-1, 1], with gradients.

    `given`, over values of `space`, is Bernoulli, categorical or `Binned`; raises ValueError for
    others.
    """
    match given:
        case Bernoulli():
            return _chosen(torch.stack([torch.zeros_like(given.logits), given.logits], -1))
        case Categorical():
            return _chosen(given.logits)
        case Binned():
            return _rounded(given.unrounded(), space)
    raise ValueError(f"a {type(given).__name__} has no draws that a gradient passes through")


def _chosen(logits: Tensor) -> Tensor:
    levels = logits.shape[-1]
    values = torch.linspace(-1, 1, levels, device=logits.device, dtype=logits.dtype)
    return StraightThrough()(logits, 1.0) @ values


def _rounded(x: Tensor, space: Pixels) -> Tensor:
    x = x.clamp(-1, 1)
    return x + (space.to_signed(space.from_signed(x), x.dtype) - x).detach()
