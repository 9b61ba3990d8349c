"""The user's own arrays as a data set."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ..core.dataset import Dataset
from ..core.spaces import Pixels, Reals, Space, Tokens
from .splits import cut, shuffled, sizes

Array = Tensor | np.ndarray


def tensors(
    x: Array,
    y: Array | None = None,
    space: Space | None = None,
    validation: float = 0.1,
    test: float = 0.1,
    seed: int = 0,
    name: str = "tensors",
) -> Dataset:
    """Examples x (n, ...) and, if given, their labels y (n, ...), shuffled by `seed` and split.

    Without `space`: uint8 (n, channels, height, width) are Pixels with 256 levels; floats (n, ...)
    are Reals, turned to torch's default type; whole numbers (n, length) are Tokens whose vocabulary
    ends at the largest. Whole-number labels become int64. Raises ValueError for what fits no space,
    for values that are not finite, and for labels of another number.
    """
    x = _numbers(torch.as_tensor(x), "x")
    space = space or inferred(x)
    space.check(x, "x")
    pair = (x,) if y is None else (x, _labels(torch.as_tensor(y), len(x)))
    lengths = sizes(name, len(x), validation, test)
    order = torch.from_numpy(shuffled(len(x), seed))
    train, held, last = cut([t[order] for t in pair], lengths)
    origin = {
        "source": "the user's own tensors",
        "seed": seed,
        "split": f"shuffled by numpy RandomState(seed); {validation} validates, {test} tests",
    }
    return Dataset(name, space, train, held, last, origin)


def inferred(x: Tensor) -> Space:
    """The space of a batch of examples, from its type and shape; ValueError where none fits.

    >>> inferred(torch.zeros(5, 3, 8, 8, dtype=torch.uint8))
    Pixels(channels=3, height=8, width=8, levels=256)
    """
    if x.dtype == torch.uint8 and x.dim() == 4:
        if x.shape[-1] in (1, 3) and x.shape[1] not in (1, 3):
            raise ValueError(
                f"x of shape {tuple(x.shape)} has its channels last: give x.permute(0, 3, 1, 2)"
            )
        return Pixels(*x.shape[1:])
    if x.is_floating_point() and x.dim() >= 2:
        return Reals(tuple(x.shape[1:]))
    if x.dtype == torch.int64 and x.dim() == 2 and x.numel():
        return Tokens(x.shape[1], int(x.max()) + 1)
    raise ValueError(
        f"x of shape {tuple(x.shape)} and type {x.dtype} fits no space: images are uint8 "
        "(n, channels, height, width), vectors are floats (n, ...), sequences are int64 (n, length)"
    )


def _numbers(x: Tensor, name: str) -> Tensor:
    if x.is_floating_point():
        bad = (~torch.isfinite(x)).flatten(1).any(1) if x.dim() > 1 else ~torch.isfinite(x)
        if bad.any():
            first = int(bad.nonzero()[0])
            raise ValueError(f"{name}[{first}] has values that are not finite: remove or repair it")
        return x.to(torch.get_default_dtype())
    return x.long() if x.dtype in (torch.int8, torch.int16, torch.int32) else x


def _labels(y: Tensor, n: int) -> Tensor:
    if y.dim() == 0 or len(y) != n:
        raise ValueError(f"y must have a label for each of the {n} examples, not {tuple(y.shape)}")
    return y.long() if y.dtype == torch.uint8 else _numbers(y, "y")
