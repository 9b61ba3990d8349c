"""Gradients of many processes: sent in buckets, while the backward pass goes on.

Torch's own engine (DistributedDataParallel) refuses a weight that is in the graph and has no
gradient, and those are everywhere where a loss is made of gradients: the biases under R1 or a
penalty on lengths of paths. Here such a weight is told from one that another process moves.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch import distributed as dist

from ..core.shares import world

BYTES = 25 * 2**20  # of a bucket: DistributedDataParallel's


class Bucket:
    """Some weights, whose gradients are sent together when the last of them is there."""

    def __init__(self, parameters: list[Tensor]):
        self.parameters = parameters
        self.clear()

    def clear(self) -> None:
        """Nothing is there yet."""
        self.ready = 0
        self.sent: tuple[Tensor, Any] | None = None

    def send(self) -> None:
        """Sends what there is: zeros for what has no gradient, and at the end who has one."""
        grads = [p.grad for p in self.parameters]
        like = self.parameters[0]
        flat = [(p.new_zeros(p.numel()) if g is None else g.reshape(-1)) for p, g in self._pairs()]
        there = torch.tensor([float(g is not None) for g in grads], dtype=like.dtype)
        together = torch.cat([*flat, there.to(like.device, non_blocking=True)])
        together /= world()
        self.sent = together, dist.all_reduce(together, async_op=True)

    def _pairs(self) -> list[tuple[Tensor, Tensor | None]]:
        return [(p, p.grad) for p in self.parameters]

    def receive(self) -> None:
        """Puts the means in the gradients' places; who has none in any process keeps none."""
        if self.sent is None:
            self.send()
        assert self.sent is not None
        together, work = self.sent
        work.wait()
        *means, there = together.split(
            [*(p.numel() for p in self.parameters), len(self.parameters)]
        )
        for i, (p, mean) in enumerate(zip(self.parameters, means)):
            if p.grad is not None or there[i] > 0:
                p.grad = mean.view_as(p)
        self.clear()


class Gradients:
    """Of a player's weights: within `averaging` a backward pass leaves their means over processes.

    With one process it does nothing.
    """

    def __init__(self, parameters: Sequence[Tensor]):
        self.buckets = list(_buckets(parameters)) if world() > 1 else []
        self.home = {p: bucket for bucket in self.buckets for p in bucket.parameters}

    @contextmanager
    def averaging(self, later: bool = False) -> Iterator[None]:
        """If `later`, gradients only accumulate: a further part of the batch will follow."""
        if later or not self.buckets:
            yield
            return
        hooks = [p.register_post_accumulate_grad_hook(self._there) for p in self.home]
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()
        for bucket in self.buckets:
            bucket.receive()

    def _there(self, parameter: Tensor) -> None:
        bucket = self.home[parameter]
        bucket.ready += 1
        if bucket.ready == len(bucket.parameters):
            bucket.send()


def _buckets(parameters: Sequence[Tensor]) -> Iterator[Bucket]:
    """From the last weight, whose gradient comes first; of one type and device each."""
    found: list[Tensor] = []
    for p in reversed(parameters):
        size = sum(q.numel() * q.element_size() for q in found)
        if found and (p.dtype != found[0].dtype or p.device != found[0].device or size > BYTES):
            yield Bucket(found)
            found = []
        found.append(p)
    if found:
        yield Bucket(found)
