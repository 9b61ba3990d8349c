"""Samplers of diffusions: from noise to data along a falling ladder of noise levels.

All take (process, x, levels, ...), where `x` is noise of the first level, and return the data that
they reach. With x0 = E[x_0 | x_t], the process's denoiser, and eps = (x - alpha x0) / sigma:

    ddim:    x_s = alpha_s x0 + sqrt(sigma_s^2 - v) eps + sqrt(v) noise
    heun:    the slope d(x / alpha) / d(sigma / alpha) = eps, averaged over both ends

ancestral draws from the process's own reverse step; predictor_corrector follows each with Langevin
steps at the new level. They never ask which parametrisation, which schedule or which paper the
process came from: DDPM, NCSN, score SDE, EDM and flow matching all serve. Solvers that remember
their last steps are in `multistep.py`, those that look ahead or choose their steps in
`single_step.py`.

ddim: Denoising Diffusion Implicit Models (Song et al., 2021), arXiv:2010.02502, eqs. 12 and 16;
`eta` = 1 is also the Euler-ancestral sampler of k-diffusion, whatever the path.
heun: Elucidating the Design Space of Diffusion-Based Generative Models (Karras et al., 2022),
arXiv:2206.00364, algorithm 1 and, with churn, 2, in the variables of its eq. 4 (DDIM is its Euler
step). Their last step, to no noise at all, is Euler's.
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
    def noise(self) -> float:
        """sigma / alpha, EDM's noise level; infinite where there is no signal."""
        return self.sigma / self.alpha if self.alpha > 0 else math.inf

    @property
    def log_snr(self) -> float:
        """lambda = log(alpha / sigma); infinite where there is no noise."""
        if self.sigma == 0 or self.alpha == 0:
            return math.inf if self.sigma == 0 else -math.inf
        return math.log(self.alpha / self.sigma)


class Ladder(Protocol):
    """Which levels of noise there are."""

    def levels(self, steps: int | None = None) -> Sequence[Level]:
        """steps + 1 levels from noise to data; None takes the process's own number of steps."""

    def level_at(self, t: float) -> Level:
        """The level at the process's own time `t`."""

    def level_of(self, noise: float) -> Level:
        """The level where sigma / alpha is `noise`."""


class Process(Ladder, Protocol):
    """What a sampler needs to know."""

    def denoise(self, x: Tensor, level: Level) -> Tensor:
        """E[x_0 | x_t = x], of `x`'s shape."""

    def reverse(self, x: Tensor, now: Level, after: Level) -> tuple[Tensor, Tensor | float]:
        """Mean and variance (broadcastable) of the reverse step p(x_s | x_t)."""


Levels = Sequence[Level]


def posterior(x: Tensor, x0: Tensor, now: Level, after: Level) -> tuple[Tensor, float]:
    """Mean and variance of q(x_s | x_t, x_0) for a less noisy level s (DDPM, eqs. 6 and 7)."""
    ratio = now.alpha / after.alpha  # x_t = ratio x_s + sqrt(kept) eps
    kept = max(now.sigma**2 - (ratio * after.sigma) ** 2, 0.0)
    if now.sigma == 0:
        return x0, 0.0
    from_x = ratio * after.sigma**2 / now.sigma**2
    from_x0 = after.alpha * kept / now.sigma**2
    return from_x * x + from_x0 * x0, kept * after.sigma**2 / now.sigma**2


def ancestral(process: Process, x: Tensor, levels: Levels) -> Tensor:
    """Draws x_s ~ p(x_s | x_t) down the ladder; the last step returns its mean."""
    for now, after in pairwise(levels):
        mean, variance = process.reverse(x, now, after)
        x = mean if after.sigma == 0 else mean + variance**0.5 * torch.randn_like(x)
    return x


def predictor_corrector(
    process: Process, x: Tensor, levels: Levels, corrections: int = 1, snr: float = 0.16
) -> Tensor:
    """Ancestral steps, each followed by `corrections` Langevin steps of signal-to-noise `snr`."""
    for now, after in pairwise(levels):
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


def ddim(process: Process, x: Tensor, levels: Levels, eta: float = 0.0) -> Tensor:
    """`eta` = 0 draws no noise at all; `eta` = 1 is ancestral sampling with variance beta tilde."""
    for now, after in pairwise(levels):
        x0 = process.denoise(x, now)
        eps = (x - now.alpha * x0) / now.sigma
        std = eta * posterior(x, x0, now, after)[1] ** 0.5
        x = after.alpha * x0 + max(after.sigma**2 - std**2, 0.0) ** 0.5 * eps
        x = x + std * torch.randn_like(x) if std > 0 else x
    return x


@dataclass(frozen=True)
class Churn:
    """Noise that is added before a step and taken away by it (EDM, algorithm 2 and table 5).

    `amount` is S_churn: in N steps each multiplies its noise level by 1 + min(S_churn / N,
    sqrt(2) - 1), where it lies from `least` to `most`; the noise added has the deviation `std`.
    """

    amount: float = 0.0
    least: float = 0.0
    most: float = math.inf
    std: float = 1.0

    def __call__(
        self, process: Process, x: Tensor, level: Level, steps: int, top: float
    ) -> tuple[Tensor, Level]:
        """`x` on a noisier level than `level`, at most `top`, and that level."""
        factor = 1 + min(self.amount / steps, math.sqrt(2) - 1)
        if factor == 1 or not self.least <= level.noise <= self.most or math.isinf(level.noise):
            return x, level
        higher = process.level_of(min(level.noise * factor, max(top, level.noise)))
        added = math.sqrt(max(higher.noise**2 - level.noise**2, 0.0))
        scaled = x / level.alpha + self.std * added * torch.randn_like(x)
        return higher.alpha * scaled, higher


def heun(process: Process, x: Tensor, levels: Levels, churn: Churn = Churn()) -> Tensor:
    """The probability-flow ODE by Heun's rule: two evaluations a step, one where it ends."""
    for now, after in pairwise(levels):
        x, now = churn(process, x, now, len(levels) - 1, levels[0].noise)
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


system(
    "ddim",
    lecture=13,
    title="Denoising diffusion implicit models, and faster solvers",
    paper="Song et al., 2021, arXiv:2010.02502",
)
