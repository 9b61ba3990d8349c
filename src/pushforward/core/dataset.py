"""What models are trained on: tuples of tensors in three splits, and where they came from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from .spaces import count

Batch = tuple[Tensor, ...]


def unchanged(*batch: Tensor) -> Batch:
    """The view that shows a batch as it is."""
    return batch


@dataclass(frozen=True)
class Factor:
    """Something that varies in data and takes one of `values` values, 0 .. values - 1.

    Where it is `ordered`, values that are near are alike (a place); else they are kinds (a shape).
    """

    name: str
    values: int
    ordered: bool = True


@dataclass(frozen=True)
class Split:
    """Some examples: tensors of one length, and a `view` that every batch is seen through.

    The first tensor is x; others (labels) follow. A random `view` (dynamic binarisation) draws from
    torch's global generator, so a seed makes it repeatable. `factors` (n, factors), integers, say
    what each example was made of where that is known: models do not see them, metrics do.
    """

    tensors: Batch
    view: Callable[..., Batch] = unchanged
    factors: Tensor | None = None

    def __post_init__(self) -> None:
        known = () if self.factors is None else (self.factors,)
        lengths = {len(t) for t in (*self.tensors, *known)}
        if len(lengths) != 1:
            raise ValueError(f"the tensors of a split must be of one length, not {sorted(lengths)}")

    def __len__(self) -> int:
        return len(self.tensors[0])

    def at(self, index: Tensor | slice, device: torch.device | str | None = None) -> Batch:
        """The batch of the examples `index`, on `device`, through the view."""
        picked = (t[index] for t in self.tensors)
        return self.view(*(t.to(device, non_blocking=True) for t in picked))

    def batches(self, size: int = 256, device: torch.device | str | None = None) -> Iterator[Batch]:
        """All examples in order, `size` at a time; the last batch may be smaller."""
        for start in range(0, len(self), count("batch size", size)):
            yield self.at(slice(start, start + size), device)

    def first(self, n: int) -> Split:
        """A split of the first `n` examples (all, where there are fewer)."""
        return self._each(lambda t: t[:n])

    def to(self, device: torch.device | str) -> Split:
        """A copy whose tensors live on `device`: batches are then gathered there."""
        return self._each(lambda t: t.to(device))

    def _each(self, change: Callable[[Tensor], Tensor]) -> Split:
        factors = None if self.factors is None else change(self.factors)
        return replace(self, tensors=tuple(map(change, self.tensors)), factors=factors)


@dataclass(frozen=True)
class Dataset:
    """A named data set over a space, in fixed train, validation and test splits.

    `origin` says in JSON where the examples came from and how they were split; checkpoints hold it.
    Its "spec" is the line that `pushforward.data.find` finds them by, where there is one.
    `classes` names the labels where there are any, `factors` the columns of the splits' factors.
    """

    name: str
    space: Any  # a Space; which of them, only the caller knows
    train: Split
    validation: Split
    test: Split
    origin: dict = field(default_factory=dict)
    classes: tuple[str, ...] = ()
    factors: tuple[Factor, ...] = ()

    def __post_init__(self) -> None:
        for part in ("train", "validation", "test"):
            split = getattr(self, part)
            given = () if split.factors is None else split.factors.shape[1:]
            if tuple(given) != ((len(self.factors),) if self.factors else ()):
                raise ValueError(
                    f"{self.name} names {len(self.factors)} factors, but those of its {part} split "
                    f"are of shape {tuple(given)} an example"
                )
            if len(split) == 0:
                raise ValueError(f"the {part} split of {self.name} is empty")
            # A view may draw, and building a data set must not move the caller's random numbers.
            with torch.random.fork_rng(devices=[]):
                self.space.check(split.at(slice(0, 64))[0], f"{self.name}.{part}")

    def describe(self) -> dict:
        """The record that a checkpoint keeps: name, sizes of the splits, origin."""
        sizes = {part: len(getattr(self, part)) for part in ("train", "validation", "test")}
        return {"name": self.name, "splits": sizes, **self.origin}


def identity(described: Mapping[str, Any]) -> dict[str, Any]:
    """What a description says of the examples, without the words that they were found by.

    Two data sets of one identity hold the same examples in the same splits: a folder that was
    moved, or a copy with labels.
    """
    return {key: value for key, value in described.items() if key != "spec"}
