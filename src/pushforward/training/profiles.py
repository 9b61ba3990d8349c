"""Averages of weights whose width is a share of the training, and others made of them afterwards.

    theta_gamma(t) = (gamma + 1) / t^(gamma + 1)  int_0^t tau^gamma theta(tau) dtau

A power of time in the place of an exponential: the average stays as wide, relative to t, as
training goes on, and forgets where it began. Averages are linear in the weights, so that one that
nobody kept is found by least squares among those that were kept.

Analyzing and Improving the Training Dynamics of Diffusion Models (Karras, Aittala, Lehtinen,
Hellsten, Aila, Laine, 2024), arXiv:2312.02696, section 3 and appendix C: eqs. 2 and 3, algorithms 2
and 3.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

WIDEST = 1 / math.sqrt(12)
"""sigma_rel of the plain mean of all weights so far (gamma 0)."""


@dataclass(frozen=True)
class Profile:
    """The weight that an average at time `t` gives to the weights at each time before: a density.

    >>> Profile.of(WIDEST, 10.0).gamma < 1e-6
    True
    """

    gamma: float
    t: float

    @classmethod
    def of(cls, sigma_rel: float, t: float) -> Profile:
        """The profile of relative width `sigma_rel` at time `t`."""
        return cls(gamma_of(sigma_rel), t)

    def inner(self, other: Profile) -> float:
        """The integral of the product of two profiles, in closed form."""
        first, last = sorted((self, other), key=lambda profile: profile.t)
        numerator = (first.gamma + 1) * (last.gamma + 1) * (first.t / last.t) ** last.gamma
        return numerator / ((first.gamma + last.gamma + 1) * last.t)


def checked_width(sigma_rel: float) -> float:
    """Returns `sigma_rel` if it is a width that a profile can have, else raises ValueError."""
    if not 0 < sigma_rel <= WIDEST + 1e-9:
        raise ValueError(
            f"sigma_rel, the width of an average as a share of the training, is above 0 and at "
            f"most {WIDEST:.4f} (the mean of all), such as 0.1, not {sigma_rel!r}"
        )
    return float(sigma_rel)


def gamma_of(sigma_rel: float) -> float:
    """The exponent of the profile of relative width `sigma_rel` (algorithm 2).

    The largest root of (gamma + 2)^2 (gamma + 3) sigma_rel^2 = gamma + 1.

    >>> round(gamma_of(0.1), 4), round(gamma_of(0.05), 4)
    (6.9372, 16.9722)
    """
    inverse = checked_width(sigma_rel) ** -2
    roots = np.roots([1.0, 7.0, 16 - inverse, 12 - inverse])
    return max(0.0, float(roots.real.max()))


def decay_at(gamma: float, t: int) -> float:
    """What remains of an average at its t-th update, t = 1, 2, ... (eq. 3): the first copies.

    >>> decay_at(6.94, 1), round(decay_at(6.94, 100), 3)
    (0.0, 0.923)
    """
    return (1 - 1 / t) ** (gamma + 1)


def solve_weights(known: Sequence[Profile], wanted: Profile) -> np.ndarray:
    """By how much each of the `known` profiles enters what comes nearest to the `wanted` one.

    Least squares between profiles (algorithm 3), with weights that sum to one: what never moved
    is then reconstructed exactly.
    """
    products = np.array([[a.inner(b) for b in known] for a in known])
    found = np.linalg.lstsq(products, np.array([a.inner(wanted) for a in known]), rcond=1e-14)[0]
    return found / found.sum()


def distance(known: Sequence[Profile], weights: np.ndarray, wanted: Profile) -> float:
    """How far the weighted sum of the `known` profiles is from the `wanted` one, relative to its
    own norm (L2): 0 is the same.
    """
    products = np.array([[a.inner(b) for b in known] for a in known])
    cross = np.array([a.inner(wanted) for a in known])
    own = wanted.inner(wanted)
    square = weights @ products @ weights - 2 * weights @ cross + own
    return math.sqrt(max(0.0, float(square)) / own)
