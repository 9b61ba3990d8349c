"""Gumbel-softmax: one-hot draws that a gradient can pass through.

    y = softmax((log pi + g) / tau),    g ~ Gumbel(0, 1)                              (eqs. 1-2)

argmax(log pi + g) is a draw from the categorical pi; the softmax at temperature tau is nearly that
one-hot vector, and differentiable in pi. As tau falls to 0 the gradient's bias vanishes (about in
proportion, measured) and its variance grows; a hot softmax, above 1, has hardly a gradient.

Categorical Reparameterization with Gumbel-Softmax (Jang, Gu and Poole, 2017), arXiv:1611.01144;
the same distribution: Maddison, Mnih and Teh (2017), arXiv:1611.00712.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from ..core.blueprint import record
from ..core.contract import Terms

Function = Callable[[Tensor], Tensor]
"""Draws (batch, variables, classes), one-hot or relaxed, to values (batch,)."""


def gumbel(like: Tensor) -> Tensor:
    """Gumbel(0, 1) noise, of the shape and type of `like`."""
    return -torch.empty_like(like).exponential_().log()


def one_hot(logits: Tensor) -> Tensor:
    """Draws from the categoricals with `logits` (..., classes): one-hot, without gradients."""
    chosen = (logits + gumbel(logits)).argmax(-1)
    return F.one_hot(chosen, logits.shape[-1]).to(logits.dtype)


class Estimator(ABC):
    """How a bound's gradient reaches categoricals: what a model of discrete latents is given."""

    @abstractmethod
    def bound(
        self, log_x: Function, logits: Tensor, temperature: float | Tensor, beta: float
    ) -> Terms:
        """What to minimise, (batch,) each, in nats, for q with `logits` and a uniform prior.

        `log_x` is log p(x|z); `beta` weighs the rate. The terms' values are estimates, and their
        gradients estimate the gradient of what is estimated.
        """

    def check(self, variables: int, classes: int) -> None:
        """Raises ValueError for categoricals that it cannot serve."""
        return


class ExpectationEstimator(Estimator):
    """One of the gradient of any E f(z), of which the bound's is a case: its rate is known."""

    @abstractmethod
    def expectation(self, f: Function, logits: Tensor, temperature: float | Tensor) -> Tensor:
        """E f(z), (batch,): an estimate, whose gradient estimates that of the expectation."""

    def bound(
        self, log_x: Function, logits: Tensor, temperature: float | Tensor, beta: float
    ) -> Terms:
        """{"distortion", "rate"} in nats, each (batch,); the rate in closed form."""
        rate = divergence_from_uniform(logits).sum(-1)
        return {
            "distortion": -self.expectation(log_x, logits, temperature),
            "rate": beta * rate,
        }


class Relaxation(ExpectationEstimator):
    """What stands for a one-hot draw while gradients are taken."""

    @abstractmethod
    def __call__(self, logits: Tensor, temperature: float | Tensor) -> Tensor:
        """(..., classes), non-negative, summing to 1 over the classes."""

    def expectation(self, f: Function, logits: Tensor, temperature: float | Tensor) -> Tensor:
        """f of a relaxed draw, (batch,)."""
        return f(self(logits, temperature))


@record
@dataclass(frozen=True)
class Relaxed(Relaxation):
    """The softmax itself (eq. 2): between the classes, and closer to one as tau falls."""

    def __call__(self, logits: Tensor, temperature: float | Tensor) -> Tensor:
        """(..., classes), with gradients to `logits`."""
        return ((logits + gumbel(logits)) / temperature).softmax(-1)


@record
@dataclass(frozen=True)
class StraightThrough(Relaxation):
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
