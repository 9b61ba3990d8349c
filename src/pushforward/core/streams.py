"""Examples that are not in memory: a `Column` reads them when they are asked for.

Where several batches are wanted, processes of torch's DataLoader read them ahead. They only read:
views, noise and the order of the data stay with the process that trains, so that a run comes out
the same with any number of readers, and with all data in memory.
"""

from __future__ import annotations

import os
import signal
import threading
import time
import warnings
import weakref
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils import data

READERS = "PUSHFORWARD_READERS"
MOST = 8  # reading processes that are started without being asked for
Rows = Tensor | slice


class Column(ABC):
    """What a split may hold in place of a tensor: examples (n, ...) of one type and shape.

    Indexing reads them; `rows` is the column of some of them, without reading.
    """

    dtype: torch.dtype
    shape: tuple[int, ...]
    device = torch.device("cpu")

    def __len__(self) -> int:
        return self.shape[0]

    def dim(self) -> int:
        """How many dimensions the examples have together, as a tensor says it."""
        return len(self.shape)

    @abstractmethod
    def __getitem__(self, index: Rows) -> Tensor:
        """The examples at `index`. Raises ValueError, with their names, for what cannot be read."""

    @abstractmethod
    def rows(self, index: slice) -> Column:
        """The column of these examples."""


class Unread(RuntimeError):
    """A process that reads ended before its time."""


def streams(columns: Sequence[Any]) -> bool:
    """Whether some of a split's columns are not in memory."""
    return any(isinstance(column, Column) for column in columns)


def readers() -> int:
    """How many processes read ahead: what PUSHFORWARD_READERS says, else one less than the cores.

    Processes of one `torchrun` share the cores. 0 lets everybody read for himself, and is meant
    where a process cannot be forked. Raises ValueError for what is no number.
    """
    told = os.environ.get(READERS)
    if told is not None:
        if not told.isdecimal():
            raise ValueError(f"{READERS} must be a number of processes, 0 or more, not {told!r}")
        return int(told)
    if not hasattr(os, "fork") or not hasattr(os, "sched_getaffinity"):
        return 0
    cores = len(os.sched_getaffinity(0)) // int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    return max(1, min(MOST, cores - 1))


def ahead(columns: Sequence[Any], indices: Sequence[Rows]) -> Iterator[tuple[Tensor, ...]]:
    """What the columns hold at each of the indices; what is not in memory is read ahead.

    Raises ValueError for what cannot be read, Unread where a reading process was killed.

    >>> [x.tolist() for (x,) in ahead([torch.arange(4)], [slice(0, 3), slice(3, 4)])]
    [[0, 1, 2], [3]]
    """
    n = min(readers(), len(indices) - 1) if streams(columns) else 0
    if n < 1:
        yield from (tuple(column[index] for column in columns) for index in indices)
        return
    outside = [column for column in columns if isinstance(column, Column)]
    for index, found in zip(indices, _Readers(outside, indices, n)):
        arrays = iter(found)
        yield tuple(
            torch.from_numpy(next(arrays)) if isinstance(column, Column) else column[index]
            for column in columns
        )


class _Reads(data.Dataset):
    """Batches by their indices, as arrays: tensors would need room in /dev/shm, which is scarce."""

    def __init__(self, columns: Sequence[Column]):
        self.columns = columns

    def __getitem__(self, index: slice | np.ndarray) -> list[np.ndarray] | Exception:
        rows = index if isinstance(index, slice) else torch.from_numpy(index)
        try:
            return [column[rows].numpy() for column in self.columns]
        except (ValueError, OSError) as error:  # raised where it is read
            return error


class _Readers:
    """The processes of one pass through the data, which end when nobody waits for them any more."""

    def __init__(self, columns: Sequence[Column], indices: Sequence[Rows], n: int):
        plain = [i if isinstance(i, slice) else i.cpu().numpy() for i in indices]
        loader = data.DataLoader(
            _Reads(columns),
            batch_size=None,
            sampler=plain,
            num_workers=n,
            collate_fn=_as_it_is,
            worker_init_fn=_quiet,
            multiprocessing_context="fork",
            generator=torch.Generator(),  # else it would draw from the global one
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of forks beside threads
            self.waiting = [iter(loader)]
        # Garbage that goes in a circle closes the queues before it tells the processes to end, for
        # which they would then be waited for.
        weakref.finalize(self, _let_go, self.waiting, os.getpid())

    def __iter__(self) -> Iterator[list[np.ndarray]]:
        while (found := self._next()) is not None:
            if isinstance(found, Exception):
                raise found
            yield found

    def _next(self) -> Any:
        try:
            return next(self.waiting[0], None)
        except RuntimeError as error:
            if is_of_readers(error):
                raise unread(error) from error
            raise


def _let_go(waiting: list[Any], process: int) -> None:
    if os.getpid() == process:  # and not one that was forked from it
        waiting.clear()


def is_of_readers(error: Exception) -> bool:
    """Whether torch says that a reading process has ended; it says so wherever we are."""
    return str(error).startswith("DataLoader worker")


def unread(error: Exception) -> Unread:
    """The same error in words."""
    return Unread(
        f"a process that reads the data has ended ({str(error).splitlines()[0].rstrip('. ')}): "
        f"memory may be short. Go on from the last checkpoint, with fewer of them ({READERS}=1) or "
        f"none ({READERS}=0)"
    )


def _as_it_is(found: Any) -> Any:
    return found


def _quiet(worker: int) -> None:
    """A reader leaves signals to whoever trains: it goes on until that one has saved, and ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    threading.Thread(target=_follow, args=(os.getppid(),), daemon=True).start()


def _follow(parent: int) -> None:
    """Ends this process after its parent was killed: else it waits for ever to be read."""
    while os.getppid() == parent:
        time.sleep(1.0)
    os._exit(1)
