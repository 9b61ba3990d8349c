"""Samples of a model for measurement: batches, each drawn under a seed of its own.

Whoever draws batch i gets the same samples, so processes may share the batches among them, and a
metric may go through them twice without anybody holding them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from ..core.contract import Generative
from ..core.dataset import Split
from ..core.spaces import count

STRIDE = 1_000_003  # between the seeds of batches, so that runs with seeds 0, 1, 2 share none


@dataclass(frozen=True)
class Draws:
    """`n` samples in batches of `size`; a conditional model draws for the labels of `split`.

    Iterating draws; nothing is kept. The caller's random state is left as it was.
    """

    model: Generative
    n: int
    split: Split
    size: int = 256
    seed: int = 0

    def __post_init__(self) -> None:
        count("n", self.n)
        count("size", self.size)

    def __len__(self) -> int:
        """How many batches there are."""
        return -(-self.n // self.size)

    def at(self, i: int) -> Tensor:
        """Batch i, on the CPU."""
        start = i * self.size
        m = min(self.size, self.n - start)
        index = torch.arange(start, start + m) % len(self.split)
        told = self.split.told(self.model.given)
        training = self.model.training
        self.model.eval()
        try:
            with torch.random.fork_rng():
                torch.manual_seed(self.seed + STRIDE * i)
                conditions = [c.to(self.model.device) for c in told.at(index)[1:]]
                return self.model.sample(m, *conditions).cpu()
        finally:
            self.model.train(training)

    def __iter__(self) -> Iterator[Tensor]:
        return map(self.at, range(len(self)))
