"""Divergences between distributions that do not touch.

Parallel lines: p is uniform on {0} x [0, 1], q on {t} x [0, 1]. For every t != 0

    KL(p || q) = KL(q || p) = inf,    JSD = log 2,    TV = 1,    W1 = |t|

and all are 0 at t = 0. Only W1 falls as q comes nearer: only it has a gradient that says where to
go. Two manifolds of low dimension in a space of high dimension hardly ever overlap, so this is the
rule for generators, not the exception.

Intervals: p is uniform on [0, 1], q on [t, t + 1]. They overlap for |t| < 1:

    KL = inf for t != 0,    JSD = min(|t|, 1) log 2,    TV = min(|t|, 1),    W1 = |t|

Noise mends it: with N(0, s2) added to both lines they overlap, KL = t^2 / (2 s2), W1 is still |t|.

Wasserstein GAN (Arjovsky, Chintala, Bottou, 2017), arXiv:1701.07875, example 1 and figure 1;
Arjovsky, Bottou (2017), arXiv:1701.04862, section 3.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from pushforward.core.catalogue import system
from pushforward.objectives import checks
from pushforward.objectives.f_divergences import JENSEN_SHANNON
from pushforward.objectives.quadrature import grid

system(
    "disjoint-supports",
    lecture=9,
    kind="theory",
    title="Disjoint supports: KL, JSD, TV and W1 of parallel lines",
    paper="Arjovsky, Chintala, Bottou (2017), arXiv:1701.07875, example 1",
)


@dataclass(frozen=True)
class Divergences:
    """Values for each shift t, of its shape; gradients reach the shifts."""

    kl: Tensor
    reverse_kl: Tensor
    jensen_shannon: Tensor
    total_variation: Tensor
    wasserstein1: Tensor


def parallel_lines(shift: Tensor) -> Divergences:
    """Between uniform distributions on two parallel segments, `shift` apart."""
    distance = shift.abs()
    apart = shift != 0
    # Multiplied by 0, so that each has a gradient: that of a constant.
    still = shift * 0
    infinite = (still + math.inf).where(apart, 0.0)
    return Divergences(
        kl=infinite,
        reverse_kl=infinite.clone(),
        jensen_shannon=(still + math.log(2)).where(apart, 0.0),
        total_variation=(still + 1).where(apart, 0.0),
        wasserstein1=distance,
    )


def shifted_intervals(shift: Tensor) -> Divergences:
    """Between the uniform distributions on [0, 1] and on [shift, shift + 1]."""
    distance = shift.abs()
    alone = distance.clamp(max=1)
    infinite = torch.full_like(shift, math.inf).where(shift != 0, 0.0)
    return Divergences(infinite, infinite.clone(), alone * math.log(2), alone, distance)


def noisy_lines(shift: Tensor, noise: float) -> Divergences:
    """Between the two parallel lines with N(0, noise^2) added across them, (shifts,) in float64.

    The JSD is integrated. Raises ValueError for noise <= 0.
    """
    checks.positive_number("noise", noise)
    shift = shift.double()
    kl = shift**2 / (2 * noise**2)
    x, weights = grid(-12.0, 12.0)  # in units of the noise, around the middle of the two lines
    half = shift[..., None] / (2 * noise)
    normal = torch.distributions.Normal(0.0, 1.0)
    inside = JENSEN_SHANNON.integrand(normal.log_prob(x + half), normal.log_prob(x - half))
    reach = (weights * inside).sum(-1)
    jensen_shannon = torch.where(half[..., 0].abs() < 6, reach, math.log(2))
    variation = torch.erf(shift.abs() / (noise * math.sqrt(8)))
    return Divergences(kl, kl.clone(), jensen_shannon, variation, shift.abs())
