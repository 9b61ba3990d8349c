"""Normalising flows: a base density pushed through bijections.

    log p(x) = log p_base(f(x)) + log|det df/dx|,    x = f^-1(z),  z ~ p_base

Whatever is invertible with a determinant that can be had is a density and a sampler at once.

Variational Inference with Normalizing Flows (Rezende & Mohamed, 2015), arXiv:1505.05770, eqs. 5-7;
Normalizing Flows for Probabilistic Modeling and Inference (Papamakarios et al., 2021),
arXiv:1912.02762, eq. 3.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from ...core.contract import Density, Pushforward
from ...core.given import Given, told
from ...core.spaces import Reals
from ...nn.conditions import as_vector, width_of
from ...probability.bijections.bijection import Bijection, Chain


@runtime_checkable
class Invertible(Protocol):
    """What knows the noise of data, and the data of noise: `push(noise(x))` gives back `x`."""

    def noise(self, x: Tensor, *conditions: Tensor) -> Tensor:
        """The noise that `x` comes from, (batch, ...)."""

    def push(self, z: Tensor, *conditions: Tensor) -> Tensor:
        """The data that the noise `z` stands for."""


class Flow(Density, Pushforward):
    """A density over `Reals`: bijections to the noise of a base density.

    Bijections that were built for a context of some width make it a conditional density: of a
    vector (batch, width), or of what `given` says, such as Labels(width), which stand for their
    one-hot vectors.

    Args:
        base: the density of the noise, such as `StandardNormal`.
        bijections: from data to noise, in that order.
        space: of the data, where it is not the base's (multi-scale flows end in vectors).
        given: what the context consists of; a vector as wide as the bijections' where None.

    Raises ValueError where base and space differ in size, or `given` and the bijections in width.
    """

    space: Reals

    def __init__(
        self,
        base: Density,
        bijections: Sequence[Bijection],
        space: Reals | None = None,
        given: Given = None,
    ):
        chain = Chain(*bijections)
        super().__init__(
            base.space if space is None else space, given or told(context=chain.context)
        )
        self.base, self.bijection = base, chain
        if width_of(self.given) != chain.context:
            raise ValueError(
                f"{self.given} make a context {width_of(self.given)} wide, but the bijections were "
                f"built for one of {chain.context}"
            )
        if self.space.dims != base.space.dims:
            raise ValueError(f"a flow keeps the dimension: {self.space} is not {base.space}")

    def log_prob(self, x: Tensor, *conditions: Tensor) -> Tensor:
        """log p(x) in nats, (batch,)."""
        z, log_det = self.bijection(x, self._context(len(x), *conditions))
        return self.base.log_prob(z) + log_det

    def noise(self, x: Tensor, *conditions: Tensor) -> Tensor:
        """The noise that `x` comes from: all of it, so that `push` gives back `x`."""
        context = self._context(len(x), *conditions)
        return self.bijection(self.space.check(x), context)[0].contiguous()

    def latents(self, n: int) -> Tensor:
        """`n` draws from the base."""
        return self.base.sample(n)

    def push(self, z: Tensor, *conditions: Tensor) -> Tensor:
        """The data that the noise `z` stands for."""
        return self.bijection.push(z, self._context(len(z), *conditions)).contiguous()

    def rsample(self, n: int, *conditions: Tensor) -> Tensor:
        """`n` data that carry gradients to the parameters."""
        return self.push(self.latents(n), *conditions)

    def rsample_and_log_prob(self, n: int, *conditions: Tensor) -> tuple[Tensor, Tensor]:
        """`n` data that carry gradients, and their log p in nats (n,): for reverse KL."""
        z = self.latents(max(1, n))[:n]  # of no data, too
        x, log_det = self.bijection.inverse(z, self._context(n, *conditions))
        return x.contiguous(), self.base.log_prob(z) - log_det

    def _context(self, n: int, *conditions: Tensor) -> Tensor | None:
        """The conditions as the bijections take them, (n, width) or maps."""
        return as_vector(self.given, self.told(n, *conditions), self.dtype)


def walk(model: Pushforward, z: Tensor, end: Tensor, steps: int = 8) -> Tensor:
    """The data on the straight line of noise from `z` to `end`, (steps, batch, ...)."""
    places = torch.linspace(0, 1, steps, device=z.device, dtype=z.dtype)
    return torch.stack([model.push(torch.lerp(z, end, t)) for t in places])


def direction(model: Invertible, having: Tensor, lacking: Tensor) -> Tensor:
    """The direction of noise along which data of one kind become data of another, (1, ...).

    The mean noise of the data `having` an attribute less that of the data `lacking` it (Kingma &
    Dhariwal, 2018, section 5): `model.push(model.noise(x) + 0.5 * direction)` adds it to `x`.
    """
    with torch.no_grad():
        return (model.noise(having).mean(0) - model.noise(lacking).mean(0))[None]
