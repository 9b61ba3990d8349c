"""Posterior sampling: what a measurement says of data, by a diffusion that never saw one.

    y = A x_0 + noise,      A linear, its rows orthogonal and of one length: A A' = c I
    p(y | x_t) ~ N(A D(x_t), (c r^2 + noise^2) I),      r^2 = s^2 sigma^2 / (alpha^2 s^2 + sigma^2)
    grad log p(x_t | y) = grad log p(x_t) + w grad log p(y | x_t)

r^2 is what is left of the data's variance s^2 given x_t; D is the denoiser, through which the
gradient runs. Means of blocks make it super-resolution, a mean of the channels colourisation, a
choice of pixels inpainting. For data N(0, s^2 I) it is exact.

Pseudoinverse-Guided Diffusion Models for Inverse Problems (Song et al., 2023), eqs. 7-9; with
r = 0 and a weight over the gap's norm, Diffusion Posterior Sampling (Chung et al., 2023),
arXiv:2209.14687, eqs. 10-16.
Differs from the papers: A A' is measured, and refused where it is not c I.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from ...solvers.diffusion import Level
from .diffusion import Denoising, Diffusion, Given, Steered

Operator = Callable[[Tensor], Tensor]


@torch.no_grad()
def restored(
    model: Denoising,
    measured: Tensor,
    operator: Operator,
    *conditions: Tensor,
    noise: float = 0.0,
    data_std: float = 1.0,
    weight: float = 1.0,
) -> Tensor:
    """Data (batch, ...) of which `operator` makes about `measured`, by the model's sampler.

    Args:
        model: any diffusion, guided ones too; what it is told are the `conditions`.
        measured: (batch, ...), in the model's float scale: Pixels from -1 to 1.
        operator: of data in that scale; `BlockMeans`, `grey`, or any of your own.
        noise: the deviation of what was added to the measurement.
        data_std: s.
        weight: w.

    Raises ValueError for an operator that is not linear, or without A A' = c I.
    """
    own, inner = model.diffusion, model.process(*model.told(len(measured), *conditions))
    scale = _row_square(own, measured, operator)
    given = Measured(own, (), inner, measured, operator, scale, noise, data_std, weight)
    x = own.prior_std * model.latents(len(measured))
    return own.to_data(own.sampler(given, x))


@dataclass(frozen=True)
class BlockMeans:
    """Images (batch, channels, h, w) to the means of blocks of `side` x `side`."""

    side: int = 2

    def __call__(self, x: Tensor) -> Tensor:
        """(batch, channels, h / side, w / side)."""
        return F.avg_pool2d(x, self.side)


def grey(x: Tensor) -> Tensor:
    """Images (batch, channels, h, w) to the mean of their channels, (batch, 1, h, w)."""
    return x.mean(1, keepdim=True)


def _row_square(model: Diffusion, measured: Tensor, operator: Operator) -> float:
    """The c of A A' = c I, from one direction, where A(0) = 0 and A A' u = c u hold."""
    with torch.enable_grad():
        zero = torch.zeros(len(measured), *model.space.shape).to(measured).requires_grad_()
        out = operator(zero)
        if out.shape != measured.shape:
            raise ValueError(
                f"the operator makes {tuple(out.shape)} of the data, but what was measured is "
                f"{tuple(measured.shape)}"
            )
        u = torch.randn(out.shape, generator=torch.Generator().manual_seed(0)).to(out)
        (back,) = torch.autograd.grad(out, zero, u)
    twice = operator(back)
    c = float((twice * u).sum() / u.square().sum())
    wrong = (twice - c * u).abs().max()
    if out.abs().max() > 1e-4 or c <= 0 or wrong > 1e-3 * c * u.abs().max():
        raise ValueError(
            "the operator must be linear with orthogonal rows of one length, such as means of "
            "blocks or of channels, or a choice of pixels: this one is not"
        )
    return c


@dataclass(frozen=True)
class Measured(Steered):
    """A diffusion of which a measurement is known, as a sampler sees it; `inner` is it without."""

    inner: Given | None = None
    measured: Tensor | None = None
    operator: Operator = grey
    scale: float = 1.0
    noise: float = 0.0
    data_std: float = 1.0
    weight: float = 1.0

    def mean(self, x: Tensor, level: Level) -> Tensor:
        """E[x_0 | x_t, y]; where there is no signal, E[x_0 | x_t]."""
        assert self.inner is not None
        if not level.alpha:
            return self.inner.mean(x, level)
        with torch.enable_grad():
            there = x.detach().requires_grad_()
            x0 = self.inner.mean(there, level)
            (slope,) = torch.autograd.grad(self._log_prob(x0, level), there)
        return x0.detach() + self.weight * level.sigma**2 / level.alpha * slope

    def _log_prob(self, x0: Tensor, level: Level) -> Tensor:
        """log p(y | x_t) but for constants, of all the batch, ()."""
        assert self.measured is not None
        gap = self.measured - self.operator(x0)
        s, noise = self.data_std**2, level.sigma**2
        variance = self.scale * s * noise / (level.alpha**2 * s + noise) + self.noise**2
        return -gap.square().sum() / (2 * variance)
