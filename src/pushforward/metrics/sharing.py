"""Evaluation by several processes, which gives the number of one.

Process r of w draws and extracts batches r, r + w, r + 2w, ...; then every process receives all
features in the order of the batches, and computes what one process would have computed from them:
bit for bit, where the processes' features are. Statistics alone are merged in the order of
processes, which agrees to rounding.

Nothing is started here: whoever ran `torchrun` and `init_process_group` gets this, others one
process. All processes must be given the same data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from .draws import Draws
from .features import Batches, Features, checked, features_as_given, in_batches, label
from .statistics import Statistics

T = TypeVar("T")


def place() -> tuple[int, int]:
    """This process's number and how many there are: (0, 1) where none were grouped."""
    if dist.is_available() and dist.is_initialized():
        return dist.get_rank(), dist.get_world_size()
    return 0, 1


def my_batches(data: Batches | Draws) -> Iterator[tuple[int, Tensor]]:
    """This process's batches with their numbers; of `Draws`, no other is drawn."""
    rank, processes = place()
    if isinstance(data, Draws):
        yield from ((i, data.at(i)) for i in range(rank, len(data), processes))
        return
    for i, batch in enumerate(in_batches(data)):
        if i % processes == rank:
            yield i, batch


def from_all(work: Callable[[], T]) -> list[T]:
    """What `work` returned in every process, in their order.

    An error in one of them is raised in all: nobody waits for a process that has given up.
    """
    if place()[1] == 1:
        return [work()]
    mine: T | ValueError
    try:
        mine = work()
    except ValueError as error:
        mine = error
    found: list = [None] * place()[1]
    dist.all_gather_object(found, mine)
    for other in found:
        if isinstance(other, ValueError):
            raise other
    return found


@torch.no_grad()
def shared_features(
    data: Batches | Draws, extractor: Features = features_as_given, least: int = 2
) -> Tensor:
    """All features (n, features) in the order of the data, each batch extracted by one process.

    Raises ValueError, in every process, for NaN or fewer than `least` examples.
    """

    def mine() -> dict[int, Tensor]:
        parts = {i: checked(extractor(batch)) for i, batch in my_batches(data)}
        return parts if place()[1] == 1 else {i: part.cpu() for i, part in parts.items()}

    parts = {i: part for found in from_all(mine) for i, part in found.items()}
    total = sum(map(len, parts.values()))
    if total < least:
        raise ValueError(f"at least {least} examples are needed, {total} were given")
    return torch.cat([parts[i] for i in sorted(parts)])


@torch.no_grad()
def shared_statistics(data: Batches | Draws, extractor: Features = features_as_given) -> Statistics:
    """The statistics of all features; no process holds more than its batch and their merger.

    Raises ValueError, in every process, for NaN or fewer than two examples.
    """
    about = label(extractor)

    def mine() -> Statistics | None:
        merged: Statistics | None = None
        for _, batch in my_batches(data):
            part = Statistics.of(checked(extractor(batch)), **about)
            merged = part if merged is None else merged + part
        return merged

    parts = [part for part in from_all(mine) if part is not None]
    if sum(part.count for part in parts) < 2:
        raise ValueError(
            f"at least 2 examples are needed, {sum(p.count for p in parts)} were given"
        )
    return sum(parts[1:], parts[0])
