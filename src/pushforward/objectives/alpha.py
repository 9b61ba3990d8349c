"""The alpha-divergences: one line of divergences through both KLs.

    D_alpha(p || q) = 4 / (1 - alpha^2) (1 - int p^a q^(1-a)),        a = (1 + alpha) / 2
    f(u) = (u^a - 1 - a (u - 1)) / (a (a - 1))

alpha -> 1 is KL(p || q), alpha -> -1 is KL(q || p), alpha = 0 is twice the squared Hellinger
distance, alpha = 3 and -3 are half of Pearson's and of Neyman's chi-square. The larger alpha, the
more a fit of q must cover p; the smaller, the more it may leave out.

Convention: Bishop (2006), "Pattern recognition and machine learning", eq. 10.19. Amari writes
-alpha for it; Minka (2005) and f-GAN (arXiv:1606.00709, table 5) write a. Renyi's divergence of
order a is the same on another scale: log(1 + a (a - 1) D_alpha) / (a - 1).
"""

from __future__ import annotations

import math
import re

import torch
from torch import Tensor

from pushforward.core.catalogue import nearest, system

from .f_divergences import F_DIVERGENCES, REALS, FDivergence, below, identity

system(
    "alpha-divergence",
    lecture=1,
    kind="objective",
    title="Alpha-divergences, with both KLs as limits",
    paper="Amari (1985); Bishop (2006), eq. 10.19",
)


ALPHA = re.compile(r"alpha\(([-+]?(?:[\d.]+(?:e[-+]?\d+)?|inf|nan))\)")


def alpha_divergence(alpha: float) -> FDivergence:
    """The alpha-divergence; at alpha = 1 and -1 it is its limit, a KL.

    f has the slope 0 at u = 1 (no divergence notices a multiple of u - 1), so that f and its
    conjugate are continuous in alpha too. Raises ValueError unless alpha is finite.
    """
    if not math.isfinite(alpha):
        raise ValueError(f"alpha must be a finite number (1 and -1 are the two KLs), not {alpha}")
    a = (1 + alpha) / 2
    return FDivergence(
        f"alpha({_short(alpha)})",
        integrand=lambda log_p, log_q: _integrand(a, log_p, log_q),
        derivative=lambda u: _power(u.log(), a - 1),
        conjugate=lambda t: _conjugate(a, t),
        activation=below(1 / (1 - a), 1 / (1 - a)) if a < 1 else identity,
        domain=(-math.inf, 1 / (1 - a)) if a < 1 else REALS,
        at_zero=1 / a if a > 0 else math.inf,
        at_infinity=1 / (1 - a) if a < 1 else math.inf,
    )


def _short(alpha: float) -> str:
    """The shortest text that is read as the same number."""
    return f"{alpha:g}" if float(f"{alpha:g}") == alpha else repr(float(alpha))


def f_divergence(name: str) -> FDivergence:
    """The f-divergence of that name: one of the named ones, or "alpha(0.5)" for any alpha.

    Raises Usage, naming the nearest, for another name, and ValueError where alpha is not finite.

    >>> f_divergence("alpha(0.5)").at_zero
    1.3333333333333333
    """
    known = {divergence.name: divergence for divergence in F_DIVERGENCES}
    found = ALPHA.fullmatch(name)
    if found:
        return alpha_divergence(float(found[1]))
    if name not in known:
        raise nearest(name, [*known, "alpha(0.5)"], "f-divergence")
    return known[name]


def renyi(value: Tensor, alpha: float) -> Tensor:
    """Renyi's divergence of order (1 + alpha) / 2 > 0, in nats, from the value of D_alpha."""
    a = (1 + alpha) / 2
    if a <= 0:
        raise ValueError(f"Renyi's order (1 + alpha) / 2 must be positive, but alpha is {alpha}")
    return value if a == 1 else torch.log1p(a * (a - 1) * value) / (a - 1)


def _power(log_u: Tensor, b: float) -> Tensor:
    """(u^b - 1) / b, whose limit at b = 0 is log u."""
    return log_u if b == 0 else torch.expm1(b * log_u) / b


def _integrand(a: float, log_p: Tensor, log_q: Tensor) -> Tensor:
    # (p^a q^(1-a) - a p - (1-a) q) / (a (a-1)), divided out so that neither limit is 0 / 0.
    p, q = log_p.exp(), log_q.exp()
    if a > 0.5:
        return (p * _power(log_p - log_q, a - 1) - (p - q)) / a
    return (q * _power(log_q - log_p, -a) - (q - p)) / (1 - a)


def _conjugate(a: float, t: Tensor) -> Tensor:
    if a == 1:
        return torch.expm1(t)
    if a == 0:
        return -torch.log1p(-t)
    # For a > 1 the supremum sits at u = 0 from t = -1 / (a - 1) on downwards.
    return (torch.clamp(1 + (a - 1) * t, min=0.0) ** (a / (a - 1)) - 1) / a
