"""Langevin dynamics: samples from a density of which only the score is known.

    x <- x + step s(x) + sqrt(2 step) noise

Annealed: the noisiest level first, each with a step in proportion to sigma_i^2, so that the chain
is guided from afar and still ends at the data.

Generative Modeling by Estimating Gradients of the Data Distribution (Song & Ermon, 2019),
arXiv:1907.05600, algorithm 1. (Their alpha is twice our step.)
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from .diffusion import Level, Levels, Process


def langevin(score: Callable[[Tensor], Tensor], x: Tensor, step: float, steps: int) -> Tensor:
    """`x` after `steps` steps; in the limit of small ones, a draw from the density."""
    for _ in range(steps):
        x = x + step * score(x) + (2 * step) ** 0.5 * torch.randn_like(x)
    return x


def annealed_langevin(
    process: Process, x: Tensor, levels: Levels, each: int = 100, step: float = 1e-5
) -> Tensor:
    """`each` steps at every level, of size `step` at the last noisy one; then the denoised.

    The mean at the end (not in the paper: it is NCSNv2's) takes away the last level's noise.
    """
    for level in levels[:-1]:

        def score(x: Tensor, level: Level = level) -> Tensor:
            return (level.alpha * process.denoise(x, level) - x) / level.sigma**2

        x = langevin(score, x, step * (level.sigma / levels[-2].sigma) ** 2, each)
    return process.denoise(x, levels[-2])
