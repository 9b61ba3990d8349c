"""Samplers of diffusions: from noise to data along a falling ladder of noise levels.

All take (process, x, steps, ...), where `x` is noise of the first level, and return the data that
they reach. With x0 = E[x_0 | x_t], the process's denoiser, and eps = (x - alpha x0) / sigma:

    ddim:           x_s = alpha_s x0 + sqrt(sigma_s^2 - v) eps + sqrt(v) noise
    heun:           the slope d(x / alpha) / d(sigma / alpha) = eps, averaged over both ends
    dpm_solver_pp:  x_s = (sigma_s / sigma_t) x - alpha_s (e^-h - 1) D,   h = lambda_s - lambda_t,
                    D extrapolates x0 to the middle, lambda = log(alpha / sigma)

ancestral draws from the process's own reverse step; predictor_corrector follows each with Langevin
steps at the new level. They never ask which parametrisation, which
schedule or which paper the process came from: DDPM, score SDE, EDM and flow matching all serve.

ddim: Denoising Diffusion Implicit Models (Song et al., 2021), arXiv:2010.02502, eqs. 12 and 16.
heun: Elucidating the Design Space of Diffusion-Based Generative Models (Karras et al., 2022),
arXiv:2206.00364, algorithm 1, in the variables of its eq. 4 (DDIM is its Euler step).
dpm_solver_pp: DPM-Solver++ (Lu et al., 2022), arXiv:2211.01095, algorithm 2 (2M) and eq. 9 (first
order, which is DDIM); its last step is of first order.
predictor_corrector: Score-Based Generative Modeling through Stochastic Differential Equations (Song
et al., 2021), arXiv:2011.13456, algorithms 2-5.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import torch
from torch import Tensor

from ..core.catalogue import system


@dataclass(frozen=True)
class Level:
    """A rung of the ladder: x_t = alpha x_0 + sigma eps. Time `t` is the process's own."""

    t: float
    alpha: float
    sigma: float

    @property
    def log_snr(self) -> float:
        """lambda = log(alpha / sigma); infinite where there is no noise."""
        if self.sigma == 0 or self.alpha == 0:
            return math.inf if self.sigma == 0 else -math.inf
        return math.log(self.alpha / self.sigma)


class Process(Protocol):
    """What a sampler needs to know."""

    def levels(self, steps: int | None = None) -> Sequence[Level]:
        """steps + 1 levels from noise to data; None takes the process's own number of steps."""

    def denoise(self, x: Tensor, level: Level) -> Tensor:
        """E[x_0 | x_t = x], of `x`'s shape."""

    def reverse(self, x: Tensor, now: Level, after: Level) -> tuple[Tensor, Tensor | float]:
        """Mean and variance (broadcastable) of the reverse step p(x_s | x_t)."""


def posterior(x: Tensor, x0: Tensor, now: Level, after: Level) -> tuple[Tensor, float]:
    """Mean and variance of q(x_s | x_t, x_0) for a less noisy level s (DDPM, eqs. 6 and 7)."""
    ratio = now.alpha / after.alpha  # x_t = ratio x_s + sqrt(kept) eps
    kept = max(now.sigma**2 - (ratio * after.sigma) ** 2, 0.0)
    if now.sigma == 0:
        return x0, 0.0
    from_x = ratio * after.sigma**2 / now.sigma**2
    from_x0 = after.alpha * kept / now.sigma**2
    return from_x * x + from_x0 * x0, kept * after.sigma**2 / now.sigma**2


def ancestral(process: Process, x: Tensor, steps: int | None = None) -> Tensor:
    """Draws x_s ~ p(x_s | x_t) down the ladder; the last step returns its mean."""
    for now, after in pairwise(process.levels(steps)):
        mean, variance = process.reverse(x, now, after)
        x = mean if after.sigma == 0 else mean + variance**0.5 * torch.randn_like(x)
    return x


def predictor_corrector(
    process: Process,
    x: Tensor,
    steps: int | None = None,
    corrections: int = 1,
    snr: float = 0.16,
) -> Tensor:
    """Ancestral steps, each followed by `corrections` Langevin steps of signal-to-noise `snr`."""
    for now, after in pairwise(process.levels(steps)):
        mean, variance = process.reverse(x, now, after)
        if after.sigma == 0:
            return mean
        x = mean + variance**0.5 * torch.randn_like(x)
        for _ in range(corrections):
            score = (after.alpha * process.denoise(x, after) - x) / after.sigma**2
            noise = torch.randn_like(x)
            norms = [v.flatten(1).norm(dim=1).mean() for v in (noise, score)]
            step = 2 * (snr * norms[0] / norms[1]) ** 2
            x = x + step * score + (2 * step).sqrt() * noise
    return x


def ddim(process: Process, x: Tensor, steps: int | None = None, eta: float = 0.0) -> Tensor:
    """`eta` = 0 draws no noise at all; `eta` = 1 is ancestral sampling with variance beta tilde."""
    for now, after in pairwise(process.levels(steps)):
        x0 = process.denoise(x, now)
        eps = (x - now.alpha * x0) / now.sigma
        std = eta * posterior(x, x0, now, after)[1] ** 0.5
        x = after.alpha * x0 + max(after.sigma**2 - std**2, 0.0) ** 0.5 * eps
        x = x + std * torch.randn_like(x) if std > 0 else x
    return x


def heun(process: Process, x: Tensor, steps: int | None = None) -> Tensor:
    """The probability-flow ODE by Heun's rule: two evaluations a step, one where it ends."""
    for now, after in pairwise(process.levels(steps)):
        x0 = process.denoise(x, now)
        eps = (x - now.alpha * x0) / now.sigma
        guess = after.alpha * x0 + after.sigma * eps
        if after.sigma == 0 or now.alpha == 0:  # the slope has no value at one end
            x = guess
            continue
        there = (guess - after.alpha * process.denoise(guess, after)) / after.sigma
        change = after.sigma - now.sigma * after.alpha / now.alpha
        x = guess + change * (there - eps) / 2
    return x


def dpm_solver_pp(process: Process, x: Tensor, steps: int | None = None, order: int = 2) -> Tensor:
    """The multistep solver: one evaluation a step, of second order (or first, which is DDIM)."""
    before: tuple[Tensor, float] | None = None
    for now, after in pairwise(process.levels(steps)):
        x0, h = process.denoise(x, now), after.log_snr - now.log_snr
        slanted = x0
        if order == 2 and before is not None and math.isfinite(h):
            last, h_last = before
            slanted = x0 + (h / (2 * h_last)) * (x0 - last)
        x = (after.sigma / now.sigma) * x - after.alpha * math.expm1(-h) * slanted
        before = (x0, h)
    return x


system(
    "ddim",
    lecture=13,
    title="Denoising diffusion implicit models, and faster solvers",
    paper="Song et al., 2021, arXiv:2010.02502",
)
