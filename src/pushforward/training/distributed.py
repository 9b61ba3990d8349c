"""Many processes: `torchrun` and `torch.distributed`, each process on its rows of every batch.

Gradients are averaged by `gradients.py`; what is random, and what couples the rows of a batch, is
in `core/shares.py`. With one process nothing here does anything.

All processes decide alike: on numbers that are none, because losses are summed over all of them; on
stops, because wishes are (`Wishes`); on what goes by the clock, because the first one's counts.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch import distributed as dist

from ..core.shares import Share, part_of, rank, world

T = TypeVar("T")


class Lost(RuntimeError):
    """Another process of the run ended, or does not answer."""


class Another(ValueError):
    """The processes of a run were not given the same."""


def rows(n: int) -> slice:
    """Which of `n` rows are this process's."""
    return part_of(n, rank(), world())


def share(n: int, norms: bool, drawn: bool = True) -> AbstractContextManager[Any]:
    """This process's rows of a batch of `n`; noise is that of the whole batch where `drawn`."""
    if world() == 1:
        return nullcontext()
    found = Share(rows(n), n, True, norms)
    return found if drawn else found.silent()


def merged(values: Tensor, n: int) -> Tensor:
    """Means over this process's rows of `n` as means over all."""
    if world() == 1 or not len(values):
        return values
    mine = rows(n)
    found = values * ((mine.stop - mine.start) / n)
    dist.all_reduce(found)
    return found


def synchronise(module: nn.Module) -> None:
    """Gives every process the weights of the first."""
    if world() > 1:
        with torch.no_grad():
            for tensor in module.state_dict(keep_vars=True).values():
                sent = tensor.detach().contiguous()
                dist.broadcast(sent, 0)
                tensor.copy_(sent)


def firsts(value: T) -> T:
    """What the first process has."""
    if world() == 1:
        return value
    sent = [value]
    dist.broadcast_object_list(sent, 0)
    return sent[0]


def anyone(wish: bool) -> bool:
    """Whether any process wishes it; all wait for each other."""
    if world() == 1:
        return wish
    flag = torch.tensor(int(wish), device=device())
    dist.all_reduce(flag, dist.ReduceOp.MAX)
    return bool(flag)


def by_first(work: Callable[[], None]) -> None:
    """Work of the first process that others wait for; its errors are raised in all of them."""
    error: Exception | None = None
    if rank() == 0:
        try:
            work()
        except (ValueError, OSError, RuntimeError) as raised:
            error = raised
    if (found := firsts(error)) is not None:
        raise found


def same(**told: Any) -> None:
    """Raises Another, in all processes, unless all of them were given the same."""
    if world() == 1:
        return
    marks = {what: _mark(value) for what, value in told.items()}
    found: list[Any] = [None] * world()
    dist.all_gather_object(found, marks)
    for other, theirs in enumerate(found):
        for what, mark in theirs.items():
            if mark != found[0][what]:
                raise Another(
                    f"process {other} of {world()} has another {what} than process 0: start all of "
                    "them with the same command, code and files"
                )


def _mark(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()


def device() -> torch.device:
    """Where tensors must live that processes send each other."""
    nccl = dist.get_backend() == "nccl"
    return torch.device("cuda", torch.cuda.current_device()) if nccl else torch.device("cpu")


class Wishes:
    """What any process wished at a step, known to all of them a step later: nobody waits."""

    def __init__(self) -> None:
        self.sent: tuple[Tensor, Any] | None = None

    def __call__(self, *wishes: bool) -> tuple[bool, ...]:
        """Which were wished; with one process, at once."""
        if world() == 1:
            return wishes
        found = self.settle() or (False,) * len(wishes)
        flags = torch.tensor(wishes, dtype=torch.int32, device=device())
        self.sent = flags, dist.all_reduce(flags, dist.ReduceOp.MAX, async_op=True)
        return found

    def settle(self) -> tuple[bool, ...]:
        """What was wished at the last step; nothing where that is known already."""
        if self.sent is None:
            return ()
        (flags, work), self.sent = self.sent, None
        work.wait()
        return tuple(map(bool, flags.tolist()))


def is_of_others(error: Exception) -> bool:
    """Whether an error says that another process is gone, or does not answer."""
    if world() == 1:
        return False
    said = str(error)
    signs = ("onnection closed", "onnection reset", "imed out", "imeout", "roken pipe", "gloo/")
    return isinstance(error, dist.DistError) or any(sign in said for sign in signs)


def lost(error: Exception, kept: str) -> Lost:
    """The same error in words."""
    late = "imed out" in str(error) or "imeout" in str(error)
    what = "does not answer any more" if late else "has ended"
    return Lost(f"another of the {world()} processes of this run {what}. {kept}")
