"""A diffusion whose denoiser is known: of a mixture of Gaussians of one width.

    p(x_0) = sum_k w_k N(m_k, s^2 I),     x_t = x_0 + sigma eps
    E[x_0 | x_t = x] = sum_k r_k(x) (m_k + s^2 / (s^2 + sigma^2) (x - m_k))

where r are the responsibilities at that noise. No network errs, so what a sampler misses is its
own: the ground on which samplers are measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..core.spaces import count
from .diffusion import Level, posterior


@dataclass(frozen=True)
class KnownMixture:
    """A process for samplers, along sigma from `most` to `least`; its time is sigma.

    `means` (k, d) and `weights` (k,) are float64; so should be the noise that it is given.
    """

    means: Tensor
    weights: Tensor
    std: float
    least: float = 0.01
    most: float = 20.0

    def levels(self, steps: int | None = None) -> list[Level]:
        """steps + 1 levels (18 where None): sigma^(1/7) falls evenly, then come the data."""
        steps = count("steps", 18 if steps is None else steps)
        ends = self.most ** (1 / 7), self.least ** (1 / 7)
        roots = torch.linspace(*ends, max(steps, 2), dtype=torch.float64)[:steps]
        return [*(self.level_of(v) for v in (roots**7).tolist()), Level(0.0, 1.0, 0.0)]

    def level_at(self, t: float) -> Level:
        """The level where sigma is `t`."""
        return Level(t, 1.0, t)

    def level_of(self, noise: float) -> Level:
        """The same."""
        return self.level_at(noise)

    def denoise(self, x: Tensor, level: Level) -> Tensor:
        """E[x_0 | x_t = x], (batch, d)."""
        variance = self.std**2 + level.sigma**2
        apart = x[:, None] - self.means
        chance = (self.weights.log() - apart.square().sum(-1) / (2 * variance)).softmax(1)
        parts = self.means + self.std**2 / variance * apart
        return (chance[..., None] * parts).sum(1)

    def reverse(self, x: Tensor, now: Level, after: Level) -> tuple[Tensor, float]:
        """Mean and variance of the reverse step: the posterior given the denoised."""
        return posterior(x, self.denoise(x, now), now, after)


def two_bumps(least: float = 0.01, most: float = 20.0) -> KnownMixture:
    """Two parts in the plane, of weights 0.3 and 0.7 and width 0.4."""
    means: Sequence[Sequence[float]] = ((-1.0, 0.3), (0.8, -0.6))
    weights = torch.tensor([0.3, 0.7], dtype=torch.float64)
    return KnownMixture(torch.tensor(means, dtype=torch.float64), weights, 0.4, least, most)
