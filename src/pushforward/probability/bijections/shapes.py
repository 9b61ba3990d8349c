"""Bijections that only move numbers about: log|det| = 0.

Squeezing trades space for channels; factoring out lets half of the channels leave early (Real NVP,
Dinh et al., 2017, arXiv:1605.08803, section 3.6). The latents that left are part of the noise, so
the inverse gives back the very image.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import torch
from einops import rearrange
from torch import Tensor

from .bijection import Bijection


class Rearrangement(Bijection):
    """A bijection that only moves numbers about; subclasses say where in `there` and `back`."""

    def there(self, x: Tensor) -> Tensor:
        """Data to noise."""
        raise NotImplementedError(f"{type(self).__name__} must say where in `there`")

    def back(self, z: Tensor) -> Tensor:
        """Noise to data."""
        raise NotImplementedError(f"{type(self).__name__} must say where in `back`")

    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Data to noise: z, and zeros (batch,)."""
        return self.there(x), x.new_zeros(len(x))

    def inverse(self, z: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Noise to data: x, and zeros (batch,)."""
        return self.back(z), z.new_zeros(len(z))

    def inverse_each(
        self, z: Tensor, nats: Tensor, context: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Noise to data: x, and its numbers' `nats`."""
        return self.back(z), self.back(nats)

    def forward_each(
        self, x: Tensor, nats: Tensor, context: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Data to noise: z, and its numbers' `nats`."""
        return self.there(x), self.there(nats)


class Permutation(Rearrangement):
    """z_i = x_{order[i]} along the features (or channels)."""

    order: Tensor
    places: Tensor

    def __init__(self, order: Sequence[int]):
        super().__init__()
        if sorted(order) != list(range(len(order))):
            raise ValueError(f"order must hold 0 .. {len(order) - 1}, each once, not {order}")
        self.register_buffer("order", torch.tensor(list(order)), persistent=False)
        self.register_buffer("places", torch.tensor(list(order)).argsort(), persistent=False)

    def there(self, x: Tensor) -> Tensor:
        """The features in their new order."""
        return x.index_select(1, self.order)

    def back(self, z: Tensor) -> Tensor:
        """The features in their old order."""
        return z.index_select(1, self.places)


class Reverse(Rearrangement):
    """The features (or channels) from last to first."""

    def there(self, x: Tensor) -> Tensor:
        """The features reversed."""
        return x.flip(1)

    def back(self, z: Tensor) -> Tensor:
        """The features reversed."""
        return z.flip(1)


class Squeeze(Rearrangement):
    """(c, h, w) -> (4 c, h / 2, w / 2): every 2x2 block becomes four channels."""

    def there(self, x: Tensor) -> Tensor:
        """Space to channels. Raises ValueError for odd sides."""
        if x.shape[2] % 2 or x.shape[3] % 2:
            raise ValueError(f"a squeeze needs even sides, not {x.shape[2]}x{x.shape[3]}")
        return rearrange(x, "b c (h i) (w j) -> b (c i j) h w", i=2, j=2)

    def back(self, z: Tensor) -> Tensor:
        """Channels to space."""
        return rearrange(z, "b (c i j) h w -> b c (h i) (w j)", i=2, j=2)


class Flatten(Rearrangement):
    """Data of `shape` to vectors."""

    def __init__(self, shape: tuple[int, ...]):
        super().__init__()
        self.shape = tuple(shape)

    def there(self, x: Tensor) -> Tensor:
        """(batch, *shape) to (batch, dims)."""
        return x.flatten(1)

    def back(self, z: Tensor) -> Tensor:
        """(batch, dims) to (batch, *shape)."""
        return z.reshape(-1, *self.shape)


class FactorOut(Bijection):
    """Half of the channels leaves as noise, the others go on through `rest`.

    The noise is a vector: first what `rest` made (flattened), then what left.

    Args:
        shape: (channels, height, width) of what comes in; the channels must be even.
        rest: a bijection of (channels / 2, height, width).
    """

    def __init__(self, shape: tuple[int, int, int], rest: Bijection):
        super().__init__()
        if shape[0] % 2:
            raise ValueError(f"half of the channels leaves, so they must be even, not {shape[0]}")
        self.leaving = (shape[0] - shape[0] // 2, *shape[1:])
        self.rest = rest
        self.context = rest.context

    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Data to noise (batch, dims), and log|det dz/dx| (batch,)."""
        staying, leaving = x.chunk(2, 1)
        z, log_det = self.rest(staying, context)
        return torch.cat([z.flatten(1), leaving.flatten(1)], 1), log_det

    def inverse(self, z: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Noise (batch, dims) to data, and log|det dx/dz| (batch,)."""
        dims = prod(self.leaving)
        inner, leaving = z[:, :-dims], z[:, -dims:].reshape(-1, *self.leaving)
        staying, log_det = self.rest.inverse(inner, context)
        return torch.cat([staying, leaving], 1), log_det
