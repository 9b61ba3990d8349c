"""Multistep solvers of the probability flow and of its SDE: one evaluation a step, high order.

In lambda = log(alpha / sigma) the linear part is solved exactly, and the denoised D(lambda) is
extrapolated by the polynomial through its last values. With h = lambda_s - lambda_t and
k = (1 + eta) h:

    x_s = (sigma_s / sigma_t) e^(-eta h) x - alpha_s (e^-k - 1) D + ...
          + sigma_s sqrt(1 - e^(-2 eta h)) noise

`eta` = 0 is the ODE, `eta` = 1 the SDE that ancestral sampling follows. UniPC corrects each step by
the evaluation that its next step needs anyhow, for one order more at no cost.

dpm_solver_pp: DPM-Solver++ (Lu et al., 2022), arXiv:2211.01095, eq. 9, algorithm 2 (2M) and
appendix B; the SDE of its section 5. Orders 3 and `eta` are k-diffusion's `dpmpp_3m_sde`, with
whatever path in place of alpha = 1.
unipc: UniPC (Zhao et al., 2023), arXiv:2302.04867, algorithms 1, 2 and eq. 9, in the variant that
predicts data, B(h) = e^h - 1.
The last step, to no noise at all, is of first order: h is infinite there.
Differs: the second differences of order 3 count twice what the official code and k-diffusion give
them, as the integral of a parabola has it; with half of it the error falls with order 2.
"""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from .diffusion import Level, Levels, Process

Past = list[tuple[float, Tensor]]
"""(lambda, denoised) of the last levels, the latest first."""


def dpm_solver_pp(
    process: Process, x: Tensor, levels: Levels, order: int = 2, eta: float = 0.0
) -> Tensor:
    """Of order 1 (DDIM where `eta` = 0), 2 or 3."""
    past: Past = []
    for now, after in pairwise(levels):
        past = [(now.log_snr, process.denoise(x, now)), *past[: order - 1]]
        kept = math.exp(-eta * (after.log_snr - now.log_snr)) if eta else 1.0
        x = (kept * after.sigma / now.sigma) * x
        x = x + after.alpha * _weighed(past, after, order, eta)
        if kept < 1 and after.sigma > 0:
            x = x + after.sigma * math.sqrt(1 - kept**2) * torch.randn_like(x)
    return x


def _weighed(past: Past, after: Level, order: int, eta: float) -> Tensor:
    """The integral of e^(-k) D over the step, D being a polynomial through `past`."""
    (lambda_0, d_0), *older = past
    h = after.log_snr - lambda_0
    k = (1 + eta) * h
    first = -math.expm1(-k) * d_0
    older = [(lambda_i, d) for lambda_i, d in older if math.isfinite(lambda_i)]
    if math.isinf(k) or not older:
        return first
    lambda_1, d_1 = older[0]
    r_0 = (lambda_0 - lambda_1) / h
    slope = (d_0 - d_1) / r_0
    if order == 2:
        return first - math.expm1(-k) / 2 * slope
    phi_2 = math.expm1(-k) / k + 1
    if len(older) == 1:
        return first + phi_2 * slope
    lambda_2, d_2 = older[1]
    r_1 = (lambda_1 - lambda_2) / h
    bend = (slope - (d_1 - d_2) / r_1) / (r_0 + r_1)
    return first + phi_2 * (slope + r_0 * bend) + (1 - 2 * phi_2 / k) * bend


def unipc(process: Process, x: Tensor, levels: Levels, order: int = 3) -> Tensor:
    """A predictor of this order and a corrector of one more."""
    past: Past = []
    denoised = process.denoise(x, levels[0])
    for now, after in pairwise(levels):
        past = [(now.log_snr, denoised), *past[: order - 1]]
        guess = _united(x, past, now, after)
        if after is not levels[-1]:
            denoised = process.denoise(guess, after)
            guess = _united(x, past, now, after, denoised)
        x = guess
    return x


def _united(x: Tensor, past: Past, now: Level, after: Level, there: Tensor | None = None) -> Tensor:
    """UniP's step from the past alone, or UniC's with the denoised `there` as well (eq. 9)."""
    (lambda_0, d_0), *older = past
    h = after.log_snr - lambda_0
    known = [((lambda_i - lambda_0) / h, d) for lambda_i, d in older if math.isfinite(lambda_i)]
    known += [] if there is None else [(1.0, there)]
    base = (after.sigma / now.sigma) * x - after.alpha * math.expm1(-h) * d_0
    if not known or math.isinf(h):
        return base
    weights = _weights(h, [r for r, _ in known])
    moved = sum(a * (d - d_0) / r for a, (r, d) in zip(weights, known))
    return base - after.alpha * math.expm1(-h) * moved


def _weights(h: float, ratios: list[float]) -> list[float]:
    """What each difference counts, so that polynomials of their number's degree are integrated.

    Without the value at the end, one difference counts a half, as in the official code.
    """
    phi, factorial, wanted = math.expm1(-h) / -h - 1, 1.0, []
    for i in range(1, len(ratios) + 1):
        wanted.append(phi * factorial / math.expm1(-h))
        factorial *= i + 1
        phi = phi / -h - 1 / factorial
    if len(ratios) == 1:
        return [0.5]
    powers = np.vander(np.array(ratios), increasing=True).T
    return np.linalg.solve(powers, np.array(wanted)).tolist()
