"""What a model is told, as one vector or map of numbers that any network can take.

    labels      one-hot, with a place of its own for "unknown" where that is a value
    reals       as they are; maps (features, height, width) stay maps
    tokens      one-hot at every place, one place after the other

Several conditions stand side by side. A matrix on a one-hot vector is an embedding, so nothing is
lost, and a network needs one number, the width, to be told anything at all.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from ..core.given import Given, spaces_of
from ..core.spaces import Condition, Labels, Pixels, Tokens


def width_of(given: Given) -> int:
    """The length of the vector, or the features of the map, that all conditions make; 0 for none.

    >>> width_of((Labels(10), Tokens(3, 5)))
    25
    """
    return sum(_width(space) for space in spaces_of(given))


def _width(space: Condition) -> int:
    match space:
        case Labels(classes=classes, unknown=unknown):
            return classes + unknown
        case Tokens(length=length, vocabulary=vocabulary):
            return length * vocabulary
    return space.shape[0] if len(space.shape) == 3 else space.dims


def as_vector(
    given: Given, conditions: tuple[Tensor | None, ...], dtype: torch.dtype = torch.float32
) -> Tensor | None:
    """The conditions side by side: (batch, width); or (batch, width, height, width) beside maps.

    None where nothing is told.
    """
    told = (c for c in conditions if c is not None)
    parts = [_floats(s, c, dtype) for s, c in zip(spaces_of(given), told)]
    maps = [part for part in parts if part.dim() == 4]
    if maps:
        sides = maps[0].shape[2:]
        parts = [p if p.dim() == 4 else p[:, :, None, None].expand(-1, -1, *sides) for p in parts]
    return torch.cat(parts, 1) if parts else None


def _floats(space: Condition, condition: Tensor, dtype: torch.dtype) -> Tensor:
    match space:
        case Labels():
            return F.one_hot(condition, _width(space)).to(dtype)
        case Tokens(vocabulary=vocabulary):
            return F.one_hot(condition, vocabulary).to(dtype).flatten(1)
        case Pixels():
            return space.to_signed(condition, dtype)
    return condition.to(dtype) if condition.dim() == 4 else condition.to(dtype).flatten(1)


def everywhere(c: Tensor) -> Tensor:
    """A vector (batch, width) as a map that is the same at every place; maps as they are."""
    return c[:, :, None, None] if c.dim() == 2 else c


def call(network: Any, h: Tensor, c: Tensor | None) -> Tensor:
    """`network(h, c)`; `network(h)` where nothing is told, so that any network may stand there."""
    return network(h) if c is None else network(h, c)
