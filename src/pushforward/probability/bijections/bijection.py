"""What a bijection is: an invertible map with the logarithm of its Jacobian's determinant.

    z = f(x),    log p(x) = log p(z) + log|det dz/dx|

`forward` goes from data to noise, `inverse` from noise to data, and each returns the log|det| of
the direction that it went, (batch,), in nats. `push` is `inverse` without it, for sampling.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from math import prod
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...core.blueprint import Component


class Bijection(Component, ABC):
    """An invertible map. `context` is the width of the vector (or map) that it depends on, or 0."""

    context: int = 0

    @abstractmethod
    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Data to noise: z, and log|det dz/dx| (batch,)."""

    @abstractmethod
    def inverse(self, z: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Noise to data: x, and log|det dx/dz| (batch,), the negative of `forward`'s at x."""

    def push(self, z: Tensor, context: Tensor | None = None) -> Tensor:
        """Noise to data alone."""
        return self.inverse(z, context)[0]

    def inverse_each(
        self, z: Tensor, nats: Tensor, context: Tensor | None = None
    ) -> tuple[Tensor, Tensor] | None:
        """Noise to data: x, and what becomes of `nats` (batch, features), log p of each number.

        None where the determinant is no product over numbers, as everywhere but in autoregressive
        maps and what moves numbers about.
        """
        return None

    def forward_each(
        self, x: Tensor, nats: Tensor, context: Tensor | None = None
    ) -> tuple[Tensor, Tensor] | None:
        """Data to noise: z, and the same of `nats` of each number of x, at z's places."""
        return None


class Chain(Bijection):
    """Bijections one after the other; `forward` runs them in the order given."""

    def __init__(self, *bijections: Bijection):
        super().__init__()
        self.bijections = nn.ModuleList(bijections)
        self.context = max((b.context for b in bijections), default=0)

    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Data to noise: z, and log|det dz/dx| (batch,)."""
        total = x.new_zeros(len(x))
        for bijection in self.bijections:
            x, log_det = bijection(x, context)
            total = total + log_det
        return x, total

    def inverse(self, z: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Noise to data: x, and log|det dx/dz| (batch,)."""
        total = z.new_zeros(len(z))
        for bijection in reversed(self.bijections):
            z, log_det = bijection.inverse(z, context)  # type: ignore[operator]
            total = total + log_det
        return z, total

    def push(self, z: Tensor, context: Tensor | None = None) -> Tensor:
        """Noise to data alone."""
        for bijection in reversed(self.bijections):
            z = bijection.push(z, context)  # type: ignore[operator]
        return z

    def inverse_each(
        self, z: Tensor, nats: Tensor, context: Tensor | None = None
    ) -> tuple[Tensor, Tensor] | None:
        """Noise to data: x, and log p of each of its numbers."""
        return _each(reversed(self.bijections), "inverse_each", z, nats, context)

    def forward_each(
        self, x: Tensor, nats: Tensor, context: Tensor | None = None
    ) -> tuple[Tensor, Tensor] | None:
        """Data to noise: z, and the same of `nats`."""
        return _each(self.bijections, "forward_each", x, nats, context)


def _each(
    bijections: Iterable[Any], way: str, x: Tensor, nats: Tensor, context: Tensor | None
) -> tuple[Tensor, Tensor] | None:
    """One after the other, until one does not know."""
    for bijection in bijections:
        found = getattr(bijection, way)(x, nats, context)
        if found is None:
            return None
        x, nats = found
    return x, nats


class Inverse(Bijection):
    """A bijection the other way round: an IAF is the inverse of a MAF."""

    def __init__(self, bijection: Bijection):
        super().__init__()
        self.bijection = bijection
        self.context = bijection.context

    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """What the other calls `inverse`."""
        return self.bijection.inverse(x, context)

    def inverse(self, z: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """What the other calls `forward`."""
        return self.bijection(z, context)

    def inverse_each(
        self, z: Tensor, nats: Tensor, context: Tensor | None = None
    ) -> tuple[Tensor, Tensor] | None:
        """What the other calls `forward_each`."""
        return self.bijection.forward_each(z, nats, context)

    def forward_each(
        self, x: Tensor, nats: Tensor, context: Tensor | None = None
    ) -> tuple[Tensor, Tensor] | None:
        """What the other calls `inverse_each`."""
        return self.bijection.inverse_each(x, nats, context)


def check_context(context: Tensor | None, width: int, batch: int) -> None:
    """Raises ValueError where `context` is not (batch, width, ...), or not None for width 0."""
    if context is None or width == 0:
        if context is not None:
            raise ValueError("this flow was built without a context (context=0): do not pass one")
        if width:
            raise ValueError(f"this flow needs a context of shape (batch, {width}), and got none")
        return
    if context.dim() < 2 or context.shape[0] != batch or context.shape[1] != width:
        raise ValueError(
            f"the context must be of shape ({batch}, {width}), not {tuple(context.shape)}"
        )


def places(x: Tensor) -> int:
    """How many places have channels: h w of images (batch, c, h, w), 1 of vectors."""
    return prod(x.shape[2:])


def beside(h: Tensor, context: Tensor | None, width: int) -> Tensor:
    """`h` with the context joined to its channels: what a conditioner sees.

    Beside an image, a vector is repeated at every place and a map is resized to the image.
    """
    check_context(context if width else None, width, len(h))
    if not width or context is None:
        return h
    if h.dim() == 4 and context.dim() == 2:
        context = context[:, :, None, None].expand(-1, -1, *h.shape[2:])
    elif h.dim() == 4 and context.shape[2:] != h.shape[2:]:
        context = F.adaptive_avg_pool2d(context, (h.shape[2], h.shape[3]))
    return torch.cat([h, context.to(h.dtype)], 1)
