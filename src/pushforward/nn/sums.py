"""Sums over what belongs to one example."""

from __future__ import annotations

from torch import Tensor


def per_example(x: Tensor) -> Tensor:
    """The sum over all dimensions but the first: (batch, ...) to (batch,).

    Not of `x.flatten(1)`: of channels that lie last in memory a compiled loop over the flattened
    order jumps about, a number at a time.

    >>> import torch
    >>> per_example(torch.ones(2, 3, 4))
    tensor([12., 12.])
    """
    return x.sum(tuple(range(1, x.dim()))) if x.dim() > 1 else x  # of no dimensions torch sums all
