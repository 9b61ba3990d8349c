"""Batches in a shuffled order that can be put down and taken up again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from ..core.dataset import Batch, Split
from ..core.shares import part_of


class Batches:
    """Endless batches of one size: a new permutation in each epoch, the remainder left out.

    A split that fits lives on the device, where batches are gathered; one that is larger than
    memory is read ahead by other processes. With `world` processes each takes its own share of
    every batch.
    """

    def __init__(
        self,
        split: Split,
        size: int | None,
        device: torch.device,
        seed: int,
        rank: int = 0,
        world: int = 1,
    ):
        self.device, self.rank, self.world = device, rank, world
        self.split = split.to(device) if _fits(split, device) else split
        self.resize(size)
        self.generator = torch.Generator().manual_seed(seed)
        self._shuffle()

    def resize(self, size: int | None) -> None:
        """Goes on in batches of `size`, None for the whole split; ValueError where it is less."""
        if size is not None and size > len(self.split):
            raise ValueError(
                f"a batch of {size} is larger than the {len(self.split)} training examples: "
                "lower batch_size, or pass None for full batches"
            )
        if size is not None and size % self.world:
            raise ValueError(
                f"a batch of {size} cannot be cut evenly over {self.world} processes: batch_size "
                f"is that of all together, such as {size + self.world - size % self.world}"
            )
        self.size = size or len(self.split)
        self.mine = part_of(self.size, self.rank, self.world)
        self.coming: Iterator[Batch] | None = None

    def _shuffle(self) -> None:
        self.before = self.generator.get_state()
        self.order = torch.randperm(len(self.split), generator=self.generator)
        self.order = self.order.to(self.split.tensors[0].device)
        self.cursor, self.coming = 0, None

    def next(self) -> Batch:
        """The next batch, on the device."""
        if self.cursor + self.size > len(self.order):
            self._shuffle()
        if self.coming is None:
            self.coming = self.split.through(_Cuts(self), self.device)
        self.cursor += self.size
        return next(self.coming)

    def state(self) -> tuple[Tensor, int]:
        """What `restore` needs: the generator before this epoch, and the place in it."""
        return self.before, self.cursor

    def restore(self, before: Tensor, cursor: int) -> None:
        """Goes back to where `state` was taken."""
        self.generator.set_state(before)
        self._shuffle()
        self.cursor = cursor


class _Cuts(Sequence[Tensor]):
    """What is left of an epoch, as indices of one batch after the other."""

    def __init__(self, batches: Batches):
        self.left, self.size = batches.order[batches.cursor :], batches.size
        self.mine = batches.mine

    def __len__(self) -> int:
        return len(self.left) // self.size

    def __getitem__(self, i: Any) -> Any:
        if not 0 <= i < len(self):
            raise IndexError(i)
        return self.left[i * self.size : (i + 1) * self.size][self.mine]


def _fits(split: Split, device: torch.device) -> bool:
    """Whether the split may live on `device`: it takes at most half of what is free there."""
    if split.streams:
        return False
    if device.type != "cuda":
        return device.type != "cpu"
    free, _ = torch.cuda.mem_get_info(device)
    return sum(t.numel() * t.element_size() for t in split.tensors) < free / 2
