"""Many processes: `torchrun` and `torch.distributed`, each process on its share of every batch.

A hook on every parameter starts an asynchronous all-reduce as soon as its gradient is there, so
that sending overlaps with the backward pass. With one process nothing here does anything.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch import distributed as dist

_pending: list[Any] = []
_postponed: list[bool] = [False]


def rank() -> int:
    """Which process this is, 0 where there is one."""
    return dist.get_rank() if dist.is_available() and dist.is_initialized() else 0


def world() -> int:
    """How many processes there are."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


@contextmanager
def postponed(later: bool) -> Iterator[None]:
    """Within it, if `later`, gradients only accumulate: a further part of the batch will follow."""
    _postponed.append(later)
    try:
        yield
    finally:
        _postponed.pop()


def average_gradients(parameters: Sequence[Tensor]) -> None:
    """From now on the gradients of `parameters` are means over the processes, after `wait`."""
    if world() > 1:
        for parameter in (p for p in parameters if not hasattr(p, "averaged")):
            parameter.averaged = True  # type: ignore[attr-defined]
            parameter.register_post_accumulate_grad_hook(_start)


def _start(parameter: Tensor) -> None:
    if not _postponed[-1] and parameter.grad is not None:
        parameter.grad /= world()
        _pending.append(dist.all_reduce(parameter.grad, async_op=True))


def wait(parameters: Sequence[Tensor]) -> None:
    """Waits until every gradient that was sent has come back."""
    while _pending:
        _pending.pop().wait()


def synchronise(module: nn.Module) -> None:
    """Gives every process the weights of the first."""
    if world() > 1:
        with torch.no_grad():
            for tensor in module.state_dict(keep_vars=True).values():
                dist.broadcast(tensor, 0)
