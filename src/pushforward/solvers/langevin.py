"""Langevin dynamics: samples from a density of which only the score is known.

    x <- x + step s(x) + sqrt(2 step) noise

Annealed: the noisiest level first, each with a step in proportion to sigma_i^2, so that the chain
is guided from afar and still ends at the data.

Generative Modeling by Estimating Gradients of the Data Distribution (Song & Ermon, 2019),
arXiv:1907.05600, algorithm 1. (Their alpha is twice our step.)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor


def langevin(score: Callable[[Tensor], Tensor], x: Tensor, step: float, steps: int) -> Tensor:
    """`x` after `steps` steps; in the limit of small ones, a draw from the density."""
    for _ in range(steps):
        x = x + step * score(x) + (2 * step) ** 0.5 * torch.randn_like(x)
    return x


def annealed_langevin(
    score: Callable[[Tensor, int], Tensor],
    x: Tensor,
    sigmas: Sequence[float],
    step: float,
    steps: int,
) -> Tensor:
    """`steps` steps at each of the falling `sigmas`; `step` is the size at the last of them.

    `score` takes x and the number of the level.
    """
    for i, sigma in enumerate(sigmas):
        size = step * (sigma / sigmas[-1]) ** 2
        x = langevin(lambda x, i=i: score(x, i), x, size, steps)  # type: ignore[misc]
    return x
