"""Binarisation: a grey value is read as the probability that its pixel is 1.

    P(b = 1) = x / (levels - 1)

*Dynamic*: a new draw for every batch, so the training set is as good as endless. *Fixed*: one draw,
kept. *Threshold*: no draw, 1 from the middle of the grey values on. They differ by some nats on
MNIST: a likelihood must say which it is of. Our fixed draw is not Larochelle's file, which
`mnist(binarise="larochelle")` reads.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from ..core.dataset import Dataset, Split
from ..core.spaces import Pixels

HOW = ("dynamic", "fixed", "threshold")


@dataclass(frozen=True)
class DynamicBinarisation:
    """The view that draws every pixel anew, from torch's global generator."""

    levels: int

    def __call__(self, x: Tensor, *rest: Tensor) -> tuple[Tensor, ...]:
        """uint8 x (batch, ...) in 0 .. levels - 1 to uint8 in {0, 1}; the rest as it is."""
        # u is uniform on 0 .. levels - 2, so P(u < x) is exactly x / (levels - 1).
        u = torch.randint(self.levels - 1, x.shape, dtype=torch.uint8, device=x.device)
        return ((u < x).to(torch.uint8), *rest)


@dataclass(frozen=True)
class Threshold:
    """The view in which a pixel is 1 where it is nearer to white than to black."""

    levels: int

    def __call__(self, x: Tensor, *rest: Tensor) -> tuple[Tensor, ...]:
        """uint8 x (batch, ...) in 0 .. levels - 1 to uint8 in {0, 1}; the rest as it is."""
        return ((2 * x.int() >= self.levels).to(torch.uint8), *rest)


def binarised(data: Dataset, how: str | None, seed: int = 0) -> Dataset:
    """`data` over Pixels with two levels; `how` is None (unchanged), or one of `HOW`.

    With "dynamic" the validation and test splits are drawn anew as well, whenever they are looked
    at: who evaluates seeds torch first. `seed` is that of the fixed draw. Raises ValueError for
    another `how`, and for data that are not Pixels.
    """
    if how is None:
        return data
    if how not in HOW:
        raise ValueError(
            f'binarise must be None, "dynamic", "fixed" or "threshold" for {data.name}, not {how!r}'
        )
    if not isinstance(data.space, Pixels):
        raise ValueError(f"only Pixels can be binarised; {data.name} is of {data.space}")
    levels = data.space.levels
    made = {"dynamic": _dynamic, "threshold": _threshold}
    parts = _fixed(data, levels, seed) if how == "fixed" else made[how](data, levels)
    note = f"fixed: our own draw, numpy RandomState({seed})" if how == "fixed" else how
    return replace(
        data,
        name=f"{data.name} ({how} binarisation)",
        space=replace(data.space, levels=2),
        origin={**data.origin, "binarisation": note},
        train=parts[0],
        validation=parts[1],
        test=parts[2],
    )


def _dynamic(data: Dataset, levels: int) -> list[Split]:
    view = DynamicBinarisation(levels)
    return [replace(split, view=view) for split in (data.train, data.validation, data.test)]


def _threshold(data: Dataset, levels: int) -> list[Split]:
    """Bits that are 1 where a value is nearer to white than to black."""
    parts = (data.train, data.validation, data.test)
    if data.train.streams:
        return [replace(split, view=Threshold(levels)) for split in parts]
    return [
        Split(((2 * x.int() >= levels).to(torch.uint8), *rest), factors=split.factors)
        for split in parts
        for x, *rest in [split.tensors]
    ]


def _fixed(data: Dataset, levels: int, seed: int) -> list[Split]:
    if data.train.streams:
        raise ValueError(
            f"the fixed draw of {data.name} would need all of it in memory, and it is streamed: "
            'binarise it by "dynamic" or "threshold", or give stream=False'
        )
    generator, drawn = np.random.RandomState(seed), []
    for split in (data.train, data.validation, data.test):
        x, *rest = split.tensors
        u = generator.randint(levels - 1, size=tuple(x.shape), dtype=np.uint8)
        bits = (torch.from_numpy(u) < x).to(torch.uint8)
        drawn.append(Split((bits, *rest), factors=split.factors))
    return drawn
