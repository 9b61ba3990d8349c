"""Divergences on the line, by integrating them: the truth that estimates are measured against.

Composite Gauss-Legendre: each of many panels is integrated exactly for polynomials of degree 31, so
smooth densities come out to rounding, and a kink (|p - q|) costs the square of one panel's width.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from pushforward.core.spaces import count

from .f_divergences import FDivergence

LogDensity = Callable[[Tensor], Tensor]
NODES = 16


def grid(low: float, high: float, panels: int = 256) -> tuple[Tensor, Tensor]:
    """Points and weights of the rule on [low, high], each (16 panels,) in float64."""
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ValueError(f"an interval needs finite ends low < high, not {low}, {high}")
    nodes, weights = (torch.from_numpy(a) for a in np.polynomial.legendre.leggauss(NODES))
    half = (high - low) / (2 * count("panels", panels))
    centres = low + half * (2 * torch.arange(panels, dtype=torch.float64) + 1)
    points = centres[:, None] + half * nodes
    return points.flatten(), (half * weights).repeat(panels)


def integral(f: LogDensity, low: float, high: float, panels: int = 256) -> Tensor:
    """The integral of f over [low, high], a scalar; `f` maps (n,) float64 to (n,)."""
    points, weights = grid(low, high, panels)
    return (weights * f(points)).sum()


def divergence_on_line(
    divergence: FDivergence,
    log_p: LogDensity,
    log_q: LogDensity,
    low: float,
    high: float,
    panels: int = 256,
) -> Tensor:
    """D_f(p || q) of two densities on the line, a scalar.

    `log_p` and `log_q` map points (n,) to log-densities (n,) in nats. Raises ValueError where
    more than 1e-4 of either's mass lies outside [low, high]: that would be another divergence.
    """
    points, weights = grid(low, high, panels)
    at_p, at_q = _normalised("p", log_p, points, weights), _normalised("q", log_q, points, weights)
    here = (at_p > -math.inf) & (at_q > -math.inf)
    inside = divergence.integrand(at_p.where(here, 0.0), at_q.where(here, 0.0)).where(here, 0.0)
    alone_q, alone_p = (at_p == -math.inf) & ~here, (at_q == -math.inf) & ~here
    outside = [(at_q, alone_q, divergence.at_zero), (at_p, alone_p, divergence.at_infinity)]
    total = (weights * inside).sum()
    for log_mass, alone, price in outside:
        mass = (weights * log_mass.exp()).where(alone, 0.0).sum()
        total = total + (mass * price if mass > 0 else 0.0)
    return total


def _normalised(name: str, log_density: LogDensity, points: Tensor, weights: Tensor) -> Tensor:
    values = log_density(points)
    if values.shape != points.shape:
        raise ValueError(
            f"log {name} must map {list(points.shape)} to the same, not {list(values.shape)}"
        )
    mass = (weights * values.exp()).sum().item()
    if not abs(mass - 1) < 1e-4:
        ends = f"[{points[0].item():.4g}, {points[-1].item():.4g}]"
        raise ValueError(f"{name} has a mass of {mass:.6g} in {ends}: widen it, or add panels")
    return values
