"""Ways through time: times that rise, fall, stand or turn round, and states of several tensors."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

State = Any
"""A tensor, or a tuple of tensors."""

Solve = Callable[[Callable[[float, Tensor], Tensor], Tensor, Sequence[float]], Tensor]


def checked(times: Sequence[float]) -> list[float]:
    """Times as floats. Raises ValueError where there are none, or one is not finite."""
    found = [float(t) for t in times]
    if not found or not all(map(math.isfinite, found)):
        raise ValueError(f"times must be finite numbers, at least one, not {found}")
    return found


def runs(times: Sequence[float]) -> Iterator[list[float]]:
    """The times in stretches that go one way; each begins where the one before it ends.

    >>> list(runs([0.0, 1.0, 2.0, 2.0, 1.0]))
    [[0.0, 1.0, 2.0], [2.0, 2.0], [2.0, 1.0]]
    """
    run: list[float] = []
    way = 0.0
    for start, end in pairwise(times):
        now = math.copysign(1.0, end - start) if end != start else 0.0
        if run and now != way:
            yield run
            run = []
        run = run or [start]
        run.append(end)
        way = now
    if run:
        yield run


def together(
    solve: Solve, field: Callable[[float, State], State], y: tuple[Tensor, ...], times: list[float]
) -> tuple[Tensor, ...]:
    """The states of a tuple of tensors, which are solved as one: (len(times), *shape) of each.

    Raises ValueError where the tensors, or what the field gives for them, are of several types or
    other shapes.
    """
    shapes, kinds = [part.shape for part in y], {part.dtype for part in y}
    if not y or len(kinds) > 1:
        raise ValueError(f"a state must be of tensors of one type, not {sorted(map(str, kinds))}")

    def flat(parts: tuple[Tensor, ...]) -> Tensor:
        if [part.shape for part in parts] != shapes:
            found = [tuple(part.shape) for part in parts]
            raise ValueError(f"the field must give {[*map(tuple, shapes)]}, not {found}")
        return torch.cat([part.reshape(-1) for part in parts])

    def apart(v: Tensor) -> tuple[Tensor, ...]:
        pieces = v.split([shape.numel() for shape in shapes])
        return tuple(piece.view(shape) for piece, shape in zip(pieces, shapes))

    states = solve(lambda t, v: flat(field(t, apart(v))), flat(y), times)
    pieces = states.split([shape.numel() for shape in shapes], 1)
    return tuple(piece.reshape(-1, *shape) for piece, shape in zip(pieces, shapes))
