"""`torchrun ... -m pushforward train`: the processes of one run, which start and end together.

Only the first one writes and prints. What all of them would say (a flag that is mistyped, a loss
that is no number) is said by the first; what happened to another one alone, that one says.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any

from ..core.catalogue import Usage

AGREE = timedelta(seconds=5)  # in which the first process says what happened to it too
LONG = timedelta(days=1)  # that a data set may take to be downloaded and decoded


def of_run() -> tuple[int, int]:
    """Which process of how many this is, by the environment that `torchrun` makes."""
    return int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))


def is_first() -> bool:
    """Whether this process speaks for the run."""
    return of_run()[0] == 0


@contextmanager
def together(device: str | None, minutes: float) -> Iterator[str | None]:
    """Within it the processes of a `torchrun` know each other; gives the device of this one.

    An answer that another process owes for longer than `minutes` ends the run. Raises Usage for a
    device that not every process can have.
    """
    if of_run()[1] == 1:
        yield device
        return
    import torch
    from torch import distributed as dist

    mine = _device(device)
    backend = "nccl" if mine.startswith("cuda") else "gloo"
    dist.init_process_group(backend, timeout=timedelta(minutes=minutes))
    if backend == "nccl":
        torch.cuda.set_device(mine)
    try:
        yield mine
    finally:
        with suppress(RuntimeError):  # the others are gone
            dist.destroy_process_group()


def _device(wanted: str | None) -> str:
    import torch

    kind = wanted or ("cuda" if torch.cuda.is_available() else "cpu")
    if not kind.startswith("cuda"):
        return kind
    local, there = int(os.environ.get("LOCAL_RANK", "0")), torch.cuda.device_count()
    if local >= there:
        raise Usage(
            f"this machine has {there} GPUs, and process {local} of it is one too many: let "
            f"--nproc-per-node be {max(1, there)} at most, or give --device cpu"
        )
    return f"cuda:{local}"


@contextmanager
def first_before_others(what: str) -> Iterator[None]:
    """Work of every process (loading data) that the others begin when the first has done it."""
    store = _store()
    if store is not None and not is_first():
        store.wait([f"pushforward/{what}"], LONG)
    yield
    if store is not None and is_first():
        store.set(f"pushforward/{what}", "done")


def is_said_by_first(message: str) -> bool:
    """Whether the first process of the run says what went wrong, so that this one need not."""
    rank, world = of_run()
    if world == 1:
        return False
    store = _store()
    if rank == 0:
        if store is not None:
            store.set("pushforward/failed", message)
        return False
    if store is None:  # before the processes knew each other, all of them saw the same
        return True
    try:
        store.wait(["pushforward/failed"], AGREE)
    except RuntimeError:
        return False
    return True


def _store() -> Any:
    if of_run()[1] == 1:
        return None
    from torch import distributed as dist

    if not dist.is_initialized():
        return None
    return dist.distributed_c10d._get_default_store()
