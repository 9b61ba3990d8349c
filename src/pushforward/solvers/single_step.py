"""Solvers that look ahead within a step: two evaluations a step with noise, or as many as needed.

dpm_sde: with h = lambda_s - lambda_t and a level m in the middle of the step,

    x_m by a step of the first order with D = D(x_t);  x_s by one with D = D(x_m)

each with its share of one Brownian path, so that the noise of x_m is a part of that of x_s.

adaptive_ode: the probability flow in the angle phi = atan(sigma / alpha), where it is finite from
pure noise to the least of the ladder's: for y = x / sqrt(alpha^2 + sigma^2)

    dy / d phi = cos(phi) eps - sin(phi) x0

(v of progressive distillation), by Dormand and Prince's rule with steps of its own choice.

dpm_sde: DPM-Solver++ (Lu et al., 2022), arXiv:2211.01095, as k-diffusion's `dpmpp_sde` with
r = 1/2 has it. adaptive_ode: Song et al. (2021), arXiv:2011.13456, section 4.3, solve the same flow
by RK45.
"""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor

from .adaptive import DormandPrince
from .diffusion import Level, Levels, Process


def dpm_sde(process: Process, x: Tensor, levels: Levels, eta: float = 1.0) -> Tensor:
    """The SDE by a step to the middle and a step from there; `eta` = 0 is the ODE."""
    for now, after in pairwise(levels):
        x0 = process.denoise(x, now)
        if after.sigma == 0 or now.alpha == 0:
            x = _moved(x, x0, now, after, 0.0, torch.zeros_like(x))
            continue
        middle = process.level_of(math.sqrt(now.noise * after.noise))
        # A Brownian path in n, as in k-diffusion: what it did up to the middle is a part of all.
        drawn = [torch.randn_like(x) if eta else torch.zeros_like(x) for _ in range(2)]
        share = (now.noise - middle.noise) / (now.noise - after.noise)
        whole = math.sqrt(share) * drawn[0] + math.sqrt(1 - share) * drawn[1]
        there = process.denoise(_moved(x, x0, now, middle, eta, drawn[0]), middle)
        x = _moved(x, there, now, after, eta, whole)
    return x


def _moved(x: Tensor, x0: Tensor, now: Level, after: Level, eta: float, noise: Tensor) -> Tensor:
    """A step of first order towards `x0`, of whose variance a part, `eta`, is new noise."""
    shrunk = after.noise / now.noise if now.alpha else 0.0
    std = min(after.sigma, eta * after.sigma * math.sqrt(1 - shrunk**2))
    left = math.sqrt(after.sigma**2 - std**2)
    return after.alpha * x0 + left / now.sigma * (x - now.alpha * x0) + std * noise


def adaptive_ode(
    process: Process, x: Tensor, levels: Levels, rtol: float = 1e-3, atol: float = 1e-3
) -> Tensor:
    """The ODE from the first level to the last noisy one, and the denoised there."""

    def slope(phi: float, y: Tensor) -> Tensor:
        level = process.level_of(math.tan(phi)) if phi < angles[0] else levels[0]
        norm = math.hypot(level.alpha, level.sigma)
        x0 = process.denoise(norm * y, level)
        eps = (norm * y - level.alpha * x0) / level.sigma
        return math.cos(phi) * eps - math.sin(phi) * x0

    first, last = levels[0], levels[-2]
    angles = [math.atan2(level.sigma, level.alpha) for level in (first, last)]
    y = x / math.hypot(first.alpha, first.sigma)
    y = DormandPrince(rtol, atol).solve(slope, y, angles)[-1]
    return process.denoise(math.hypot(last.alpha, last.sigma) * y, last)
