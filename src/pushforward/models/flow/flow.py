"""Normalising flows: a base density pushed through bijections.

    log p(x) = log p_base(f(x)) + log|det df/dx|,    x = f^-1(z),  z ~ p_base

Whatever is invertible with a determinant that can be had is a density and a sampler at once.

Variational Inference with Normalizing Flows (Rezende & Mohamed, 2015), arXiv:1505.05770, eqs. 5-7;
Normalizing Flows for Probabilistic Modeling and Inference (Papamakarios et al., 2021),
arXiv:1912.02762, eq. 3.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ...core.contract import Density, Pushforward
from ...core.spaces import Reals
from ...probability.bijections.bijection import Bijection, Chain, as_context

if TYPE_CHECKING:
    from .dequantized import Dequantized


class Flow(Density, Pushforward):
    """A density over `Reals`: bijections to the noise of a base density.

    With a context (batch, width) that its bijections were built for, it is a conditional density;
    int64 labels (batch,) stand for their one-hot vectors.

    Args:
        base: the density of the noise, such as `StandardNormal`.
        bijections: from data to noise, in that order.
        space: of the data, where it is not the base's (multi-scale flows end in vectors).
    """

    space: Reals

    def __init__(self, base: Density, bijections: Sequence[Bijection], space: Reals | None = None):
        super().__init__(base.space if space is None else space)
        self.base = base
        self.bijection = Chain(*bijections)
        if self.space.dims != base.space.dims:
            raise ValueError(f"a flow keeps the dimension: {self.space} is not {base.space}")

    def log_prob(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """log p(x) in nats, (batch,)."""
        z, log_det = self.bijection(x, self._given(context, len(x)))
        return self.base.log_prob(z) + log_det

    def noise(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """The noise that `x` comes from: all of it, so that `push` gives back `x`."""
        return self.bijection(self.space.check(x), self._given(context, len(x)))[0].contiguous()

    def latents(self, n: int) -> Tensor:
        """`n` draws from the base."""
        return self.base.sample(n)

    def push(self, z: Tensor, context: Tensor | None = None) -> Tensor:
        """The data that the noise `z` stands for."""
        return self.bijection.push(z, self._given(context, len(z))).contiguous()

    def sample(self, n: int, context: Tensor | None = None) -> Tensor:
        """`n` data; with a context, one for each of its `n` rows."""
        return self.push(self.latents(n), context)

    def rsample(self, n: int, context: Tensor | None = None) -> Tensor:
        """`n` data that carry gradients to the parameters."""
        return self.push(self.latents(n), context)

    def rsample_and_log_prob(self, n: int, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """`n` data that carry gradients, and their log p in nats (n,): for reverse KL."""
        z = self.latents(n)
        x, log_det = self.bijection.inverse(z, self._given(context, n))
        return x.contiguous(), self.base.log_prob(z) - log_det

    def _given(self, context: Tensor | None, batch: int) -> Tensor | None:
        return as_context(context, self.bijection.context, batch, self.dtype)


def walk(model: Pushforward, z: Tensor, end: Tensor, steps: int = 8) -> Tensor:
    """The data on the straight line of noise from `z` to `end`, (steps, batch, ...)."""
    places = torch.linspace(0, 1, steps, device=z.device, dtype=z.dtype)
    return torch.stack([model.push(torch.lerp(z, end, t)) for t in places])


def direction(model: Flow | Dequantized, having: Tensor, lacking: Tensor) -> Tensor:
    """The direction of noise along which data of one kind become data of another, (1, ...).

    The mean noise of the data `having` an attribute less that of the data `lacking` it (Kingma &
    Dhariwal, 2018, section 5): `model.push(model.noise(x) + 0.5 * direction)` adds it to `x`.
    """
    with torch.no_grad():
        return (model.noise(having).mean(0) - model.noise(lacking).mean(0))[None]
