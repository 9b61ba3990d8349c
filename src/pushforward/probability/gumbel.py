"""Gumbel-softmax: one-hot draws that a gradient can pass through.

    y = softmax((log pi + g) / tau),    g ~ Gumbel(0, 1)                              (eqs. 1-2)

argmax(log pi + g) is a draw from the categorical pi; the softmax at temperature tau is nearly that
one-hot vector, and differentiable in pi. As tau falls to 0 the gradient's bias vanishes (about in
proportion, measured) and its variance grows; a hot softmax, above 1, has hardly a gradient.

Categorical Reparameterization with Gumbel-Softmax (Jang, Gu and Poole, 2017), arXiv:1611.01144;
the same distribution: Maddison, Mnih and Teh (2017), arXiv:1611.00712.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

from ..core.blueprint import record


def gumbel(like: Tensor) -> Tensor:
    """Gumbel(0, 1) noise, of the shape and type of `like`."""
    return -torch.empty_like(like).exponential_().log()


def one_hot(logits: Tensor) -> Tensor:
    """Draws from the categoricals with `logits` (..., classes): one-hot, without gradients."""
    chosen = (logits + gumbel(logits)).argmax(-1)
    return F.one_hot(chosen, logits.shape[-1]).to(logits.dtype)


class Relaxation(Protocol):
    """What stands for a one-hot draw while gradients are taken."""

    def __call__(self, logits: Tensor, temperature: float | Tensor) -> Tensor:
        """(..., classes), non-negative, summing to 1 over the classes."""


@record
@dataclass(frozen=True)
class Relaxed:
    """The softmax itself (eq. 2): between the classes, and closer to one as tau falls."""

    def __call__(self, logits: Tensor, temperature: float | Tensor) -> Tensor:
        """(..., classes), with gradients to `logits`."""
        return ((logits + gumbel(logits)) / temperature).softmax(-1)


@record
@dataclass(frozen=True)
class StraightThrough:
    """The one-hot vector forwards, the softmax's gradient backwards (section 2.2)."""

    def __call__(self, logits: Tensor, temperature: float | Tensor) -> Tensor:
        """(..., classes), one-hot, with gradients to `logits`."""
        soft = Relaxed()(logits, temperature)
        hard = F.one_hot(soft.argmax(-1), soft.shape[-1]).to(soft.dtype)
        return soft + (hard - soft).detach()


@record
@dataclass(frozen=True)
class Temperature:
    """From `start` to `end`, geometrically, as progress goes from 0 to 1.

    >>> round(float(Temperature(4.0, 0.25).at(torch.tensor(0.5))), 6)
    1.0
    """

    start: float = 1.0
    end: float = 0.5

    def __post_init__(self) -> None:
        if not (self.start > 0 and self.end > 0):
            raise ValueError(f"temperatures must be positive: {self}")

    def at(self, progress: Tensor) -> Tensor:
        """The temperature, ()."""
        return self.start * (self.end / self.start) ** progress


def divergence_from_uniform(logits: Tensor) -> Tensor:
    """KL(pi || uniform) = log K - H(pi) in nats: (..., classes) -> (...)."""
    log_pi = logits.log_softmax(-1)
    classes = torch.tensor(float(logits.shape[-1]), device=logits.device, dtype=logits.dtype)
    return classes.log() + (log_pi.exp() * log_pi).sum(-1)
