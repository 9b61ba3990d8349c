"""Weights in half the bytes: float32 tensors lie in a file as float16, and come back as float32.

A float16 has 11 significant bits, so that a weight moves by at most 1/2,048 of itself; who writes a
file so measures whether that matters.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

SMALL = 256  # numbers; what is smaller stays as it is: it costs nothing, and may be a scale
LARGEST = 2.0**15  # numbers beyond are too near to the end of float16's range


def halved(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same tensors, large ones of float32 as float16. Raises ValueError where one already is.

    >>> {k: t.dtype for k, t in halved({"w": torch.ones(500), "b": torch.ones(3)}).items()}
    {'w': torch.float16, 'b': torch.float32}
    """
    already = [name for name, tensor in tensors.items() if tensor.dtype == torch.float16]
    if already:
        raise ValueError(f"{already[0]} is of float16 already: write the file without halving")
    return {name: _half(tensor) for name, tensor in tensors.items()}


def _half(tensor: Tensor) -> Tensor:
    fits = tensor.dtype == torch.float32 and tensor.numel() >= SMALL
    return tensor.half() if fits and bool((tensor.abs() < LARGEST).all()) else tensor


def widened(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What `halved` gave, as float32 throughout."""
    return {k: t.float() if t.dtype == torch.float16 else t for k, t in tensors.items()}
