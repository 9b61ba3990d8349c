"""Batches in a shuffled order that can be put down and taken up again."""

from __future__ import annotations

import torch
from torch import Tensor

from ..core.dataset import Batch, Split
from ..core.shares import part_of


class Batches:
    """Endless batches of one size: a new permutation in each epoch, the remainder left out.

    A split that fits lives on the device, where batches are gathered; there are no worker
    processes. With `world` processes each takes its own share of every batch.
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

    def _shuffle(self) -> None:
        self.before = self.generator.get_state()
        self.order = torch.randperm(len(self.split), generator=self.generator)
        self.order = self.order.to(self.split.tensors[0].device)
        self.cursor = 0

    def next(self) -> Batch:
        """The next batch, on the device."""
        if self.cursor + self.size > len(self.order):
            self._shuffle()
        index = self.order[self.cursor : self.cursor + self.size][self.mine]
        self.cursor += self.size
        return self.split.at(index, self.device)

    def state(self) -> tuple[Tensor, int]:
        """What `restore` needs: the generator before this epoch, and the place in it."""
        return self.before, self.cursor

    def restore(self, before: Tensor, cursor: int) -> None:
        """Goes back to where `state` was taken."""
        self.generator.set_state(before)
        self._shuffle()
        self.cursor = cursor


def _fits(split: Split, device: torch.device) -> bool:
    """Whether the split may live on `device`: it takes at most half of what is free there."""
    if device.type != "cuda":
        return device.type != "cpu"
    free, _ = torch.cuda.mem_get_info(device)
    return sum(t.numel() * t.element_size() for t in split.tensors) < free / 2
