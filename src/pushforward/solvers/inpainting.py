"""Inpainting: draw what is missing of data that are known in part, by a diffusion of the whole.

    known part:     x_s = alpha_s x_0 + sigma_s noise            (replacement)
    unknown part:   x_s ~ p(x_s | x_t), the chain's own step
    and again:      x_t ~ q(x_t | x_s), `repeats` - 1 times      (RePaint)

Replacement puts noisy known values beside unknown ones that were drawn without them, so the two fit
badly. Going a step up again and down, the unknown part is drawn anew beside the known one, as in
Gibbs sampling, until they agree.

Score-Based Generative Modeling through Stochastic Differential Equations (Song et al., 2021),
arXiv:2011.13456, appendix I.2 (replacement). RePaint: Inpainting using Denoising Diffusion
Probabilistic Models (Lugmayr et al., 2022), arXiv:2201.09865, algorithm 1 and eqs. 8.
Differs from RePaint: it goes up one step of the sampler's ladder at a time (jump length 1).
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor

from ..core.catalogue import system
from .diffusion import Level, Levels, Process


def inpaint(
    process: Process, x: Tensor, levels: Levels, values: Tensor, known: Tensor, repeats: int = 1
) -> Tensor:
    """Data that are `values` where `known` (bool, of `x`'s shape) is true.

    `x` is noise of the first level; `repeats` = 1 is replacement alone.
    """
    for now, after in pairwise(levels):
        for i in range(repeats):
            mean, variance = process.reverse(x, now, after)
            last = after.sigma == 0
            drawn = mean if last else mean + variance**0.5 * torch.randn_like(x)
            below = torch.where(known, noised(values, after), drawn)
            x = below if last or i == repeats - 1 else lifted(below, after, now)
        x = below
    return x


def noised(x0: Tensor, level: Level) -> Tensor:
    """A draw from q(x_t | x_0)."""
    return level.alpha * x0 + level.sigma * torch.randn_like(x0) if level.sigma else x0


def lifted(x: Tensor, now: Level, after: Level) -> Tensor:
    """A draw from q(x_t | x_s) for a noisier level t, `after`, than that of `x`."""
    ratio = after.alpha / now.alpha
    kept = max(after.sigma**2 - (ratio * now.sigma) ** 2, 0.0)
    return ratio * x + kept**0.5 * torch.randn_like(x)


system(
    "inpainting",
    lecture=13,
    title="Inpainting by a diffusion: replacement and RePaint",
    paper="Lugmayr et al., 2022, arXiv:2201.09865",
)
