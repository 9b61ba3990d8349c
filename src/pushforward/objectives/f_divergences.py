"""f-divergences: one convex function, one divergence, one adversarial bound.

    D_f(p || q) = int q(x) f(p(x) / q(x)) dx,              f convex, f(1) = 0
                = sup_T  E_p[T(x)] - E_q[f*(T(x))],        f*(t) = sup_u {u t - f(u)}

The supremum is reached at T*(x) = f'(p(x) / q(x)); any other T gives a lower bound, which needs
samples of p and q only. That is what an adversary can learn.

f-GAN (Nowozin, Cseke, Tomioka, 2016), arXiv:1606.00709: eqs. 2, 4, 5, tables 1, 2 and 5.

Differs from the paper: JS and TV carry the factor 1/2 that table 1 gives their integrals, so that
`JENSEN_SHANNON` is the JSD (at most log 2) and `TOTAL_VARIATION` is at most 1. Pearson's conjugate
is the paper's, of f on all reals; for t < -2, where no ratio p/q leads, the supremum over u >= 0
would be -1, and a critic that strays there would have no gradient back.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from pushforward.core.catalogue import system

from . import checks

system(
    "kl-divergence",
    lecture=1,
    kind="objective",
    title="Kullback-Leibler divergence, closed forms and estimates",
    paper="Kullback, Leibler (1951), On information and sufficiency",
)
system(
    "f-divergences",
    lecture=1,
    kind="objective",
    title="f-divergences with their Fenchel conjugates",
    paper="Nowozin, Cseke, Tomioka (2016), arXiv:1606.00709",
)

LOG2 = math.log(2)
Interval = tuple[float, float]
REALS: Interval = (-math.inf, math.inf)


@dataclass(frozen=True)
class FDivergence:
    """An f-divergence, by its integrand and its conjugate.

    The integrand q f(p / q) is written in log p and log q, and so finite where p / q overflows;
    the generator follows from it. All functions are elementwise.
    """

    name: str
    integrand: Callable[[Tensor, Tensor], Tensor]
    """(log p, log q) -> q f(p / q)."""
    derivative: Callable[[Tensor], Tensor]
    """u -> f'(u): the best critic at a density ratio u."""
    conjugate: Callable[[Tensor], Tensor]
    """t -> f*(t) for t in the domain."""
    activation: Callable[[Tensor], Tensor]
    """v -> t: brings a network's output, any real number, into the domain of f*."""
    domain: Interval
    """Where f* is finite (its ends may not be)."""
    at_zero: float
    """f(0): what q's mass costs where p has none."""
    at_infinity: float
    """lim f(u) / u: what p's mass costs where q has none."""

    def generator(self, u: Tensor) -> Tensor:
        """f(u) for u > 0."""
        return self.integrand(u.log(), torch.zeros_like(u))

    def discrete(self, p: Tensor, q: Tensor) -> Tensor:
        """D_f(p || q) of probability vectors (..., K): (...), in nats where f has logarithms.

        Raises ValueError for negative probabilities, rows that do not sum to 1, and other shapes.
        """
        checks.same_shape(p=p, q=q)
        checks.probabilities("p", p), checks.probabilities("q", q)
        both = (p > 0) & (q > 0)
        # Logarithms of ones in place of zeros: what `where` drops must have a finite gradient too.
        log_p, log_q = p.where(both, 1.0).log(), q.where(both, 1.0).log()
        inside = self.integrand(log_p, log_q).where(both, 0.0).sum(-1)
        return inside + _mass(q, p == 0, self.at_zero) + _mass(p, q == 0, self.at_infinity)

    def bound(self, t_p: Tensor, t_q: Tensor) -> Tensor:
        """E_p[T] - E_q[f*(T)], a scalar at most D_f in expectation (eq. 4).

        `t_p` and `t_q` are a critic's values, in the domain, at samples of p and of q.
        """
        return t_p.mean() - self.conjugate(t_q).mean()


def _mass(weight: Tensor, alone: Tensor, price: float) -> Tensor:
    lost = weight.where(alone, 0.0).sum(-1)
    return lost * price if math.isfinite(price) else torch.where(lost > 0, price, 0.0).to(lost)


def identity(v: Tensor) -> Tensor:
    """The activation of a domain without ends."""
    return v


def below(top: float, rate: float = 1.0) -> Callable[[Tensor], Tensor]:
    """The activation of a domain that ends at `top`: v -> top - rate e^-v."""
    return lambda v: top - rate * torch.exp(-v)


def _kl(log_p: Tensor, log_q: Tensor) -> Tensor:
    return log_p.exp() * (log_p - log_q)


def _pearson(log_p: Tensor, log_q: Tensor) -> Tensor:
    return log_q.exp() * torch.expm1(log_p - log_q) ** 2


def _hellinger(log_p: Tensor, log_q: Tensor) -> Tensor:
    return ((log_p / 2).exp() - (log_q / 2).exp()) ** 2


def _gan(log_p: Tensor, log_q: Tensor) -> Tensor:
    total = torch.logaddexp(log_p, log_q)
    return _kl(log_p, total) + _kl(log_q, total)


def _jensen_shannon(log_p: Tensor, log_q: Tensor) -> Tensor:
    middle = torch.logaddexp(log_p, log_q) - LOG2
    return (_kl(log_p, middle) + _kl(log_q, middle)) / 2


KL = FDivergence(
    "kl",
    integrand=_kl,
    derivative=lambda u: u.log() + 1,
    conjugate=lambda t: torch.exp(t - 1),
    activation=identity,
    domain=REALS,
    at_zero=0.0,
    at_infinity=math.inf,
)
"""KL(p || q), f = u log u: expensive where p has mass and q has none."""

REVERSE_KL = FDivergence(
    "reverse-kl",
    integrand=lambda log_p, log_q: _kl(log_q, log_p),
    derivative=lambda u: -1 / u,
    conjugate=lambda t: -1 - torch.log(-t),
    activation=below(0.0),
    domain=(-math.inf, 0.0),
    at_zero=math.inf,
    at_infinity=0.0,
)
"""KL(q || p), f = -log u: expensive where q has mass and p has none."""

PEARSON = FDivergence(
    "pearson",
    integrand=_pearson,
    derivative=lambda u: 2 * (u - 1),
    conjugate=lambda t: t**2 / 4 + t,
    activation=identity,
    domain=REALS,
    at_zero=1.0,
    at_infinity=math.inf,
)
"""Pearson's chi-square, int (p - q)^2 / q, f = (u - 1)^2."""

NEYMAN = FDivergence(
    "neyman",
    integrand=lambda log_p, log_q: _pearson(log_q, log_p),
    derivative=lambda u: 1 - u**-2,
    conjugate=lambda t: 2 - 2 * torch.sqrt(1 - t),
    activation=below(1.0),
    domain=(-math.inf, 1.0),
    at_zero=math.inf,
    at_infinity=1.0,
)
"""Neyman's chi-square, int (p - q)^2 / p, f = (1 - u)^2 / u."""

SQUARED_HELLINGER = FDivergence(
    "squared-hellinger",
    integrand=_hellinger,
    derivative=lambda u: 1 - u**-0.5,
    conjugate=lambda t: t / (1 - t),
    activation=below(1.0),
    domain=(-math.inf, 1.0),
    at_zero=1.0,
    at_infinity=1.0,
)
"""int (sqrt p - sqrt q)^2, at most 2, f = (sqrt u - 1)^2."""

JENSEN_SHANNON = FDivergence(
    "jensen-shannon",
    integrand=_jensen_shannon,
    derivative=lambda u: (LOG2 - torch.log1p(1 / u)) / 2,
    conjugate=lambda t: -torch.log(2 - torch.exp(2 * t)) / 2,
    activation=lambda v: (LOG2 - F.softplus(-v)) / 2,
    domain=(-math.inf, LOG2 / 2),
    at_zero=LOG2 / 2,
    at_infinity=LOG2 / 2,
)
"""The mean KL of p and q to their middle, at most log 2."""

GAN = FDivergence(
    "gan",
    integrand=_gan,
    derivative=lambda u: -torch.log1p(1 / u),
    conjugate=lambda t: -torch.log(-torch.expm1(t)),
    activation=F.logsigmoid,
    domain=(-math.inf, 0.0),
    at_zero=0.0,
    at_infinity=0.0,
)
"""2 JSD - log 4, the value of the original game: 0 is its top, and f(1) = -log 4 is not 0."""

TOTAL_VARIATION = FDivergence(
    "total-variation",
    integrand=lambda log_p, log_q: (log_p.exp() - log_q.exp()).abs() / 2,
    derivative=lambda u: torch.sign(u - 1) / 2,
    conjugate=identity,
    activation=lambda v: torch.tanh(v) / 2,
    domain=(-0.5, 0.5),
    at_zero=0.5,
    at_infinity=0.5,
)
"""int |p - q| / 2, at most 1, f = |u - 1| / 2."""


F_DIVERGENCES = (
    KL,
    REVERSE_KL,
    PEARSON,
    NEYMAN,
    SQUARED_HELLINGER,
    JENSEN_SHANNON,
    GAN,
    TOTAL_VARIATION,
)
"""The named ones; `alpha.alpha_divergence` makes more."""
