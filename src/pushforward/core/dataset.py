"""What models are trained on: tuples of tensors in three splits, and where they came from.

In place of a tensor may stand a `Column`, whose examples are read when they are asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from .given import Given, inferred, known, spaces_of
from .spaces import Labels, count
from .streams import Column, ahead, streams

Batch = tuple[Tensor, ...]


PARTS = ("train", "validation", "test")


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


@dataclass(frozen=True, repr=False)
class Split:
    """Some examples: tensors of one length, and a `view` that every batch is seen through.

    The first tensor is x; others (labels) follow; what is larger than memory is a `Column` in place
    of one. A random `view` (dynamic binarisation) draws from torch's global generator, so a seed
    makes it repeatable. `factors` (n, factors), integers, say what each example was made of where
    that is known: models do not see them, metrics do.

    Raises ValueError for what is no tuple of tensors of one length.

    >>> Split((torch.zeros(3, 2), torch.arange(3)))
    Split(3 examples of float32 (2,) and int64 ())
    """

    tensors: tuple[Any, ...]
    view: Callable[..., Batch] = unchanged
    factors: Tensor | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.tensors, tuple) or not self.tensors:
            raise ValueError(
                "a split is made of a tuple of tensors: Split((x,)) or Split((x, y)), not of "
                f"{'an empty tuple' if self.tensors == () else type(self.tensors).__name__}"
            )
        for t in self.tensors:
            if not isinstance(t, Tensor | Column) or not t.dim():
                what = "a tensor without examples" if isinstance(t, Tensor) else type(t).__name__
                raise ValueError(f"a split is made of tensors (n, ...), not of {what}")
        known = () if self.factors is None else (self.factors,)
        lengths = {len(t) for t in (*self.tensors, *known)}
        if len(lengths) != 1:
            raise ValueError(f"the tensors of a split must be of one length, not {sorted(lengths)}")

    def __len__(self) -> int:
        return len(self.tensors[0])

    def __repr__(self) -> str:
        kinds = (
            f"{str(t.dtype).removeprefix('torch.')} {tuple(t.shape[1:])}" for t in self.tensors
        )
        seen = "" if self.view is unchanged else f", seen through {_name(self.view)}"
        return f"Split({len(self):,} examples of {' and '.join(kinds)}{seen})"

    @property
    def streams(self) -> bool:
        """Whether examples are read when they are asked for."""
        return streams(self.tensors)

    def at(self, index: Tensor | slice, device: torch.device | str | None = None) -> Batch:
        """The batch of the examples `index`, on `device`, through the view."""
        return self._shown(tuple(t[index] for t in self.tensors), device)

    def through(
        self, indices: Sequence[Tensor | slice], device: torch.device | str | None = None
    ) -> Iterator[Batch]:
        """`at` each of the indices in their order; what is not in memory is read ahead."""
        for picked in ahead(self.tensors, indices):
            yield self._shown(picked, device)

    def _shown(self, picked: Batch, device: torch.device | str | None) -> Batch:
        return self.view(*(t.to(device, non_blocking=True) for t in picked))

    def batches(self, size: int = 256, device: torch.device | str | None = None) -> Iterator[Batch]:
        """All examples in order, `size` at a time; the last batch may be smaller."""
        starts = range(0, len(self), count("batch size", size))
        yield from self.through([slice(start, start + size) for start in starts], device)

    def first(self, n: int) -> Split:
        """A split of the first `n` examples (all, where there are fewer)."""
        return self._each(lambda t: t.rows(slice(n)) if isinstance(t, Column) else t[:n])

    def to(self, device: torch.device | str) -> Split:
        """A copy whose tensors live on `device`: batches are then gathered there.

        What is read when it is asked for stays where it is.
        """
        return self if self.streams else self._each(lambda t: t.to(device))

    def told(self, given: Given) -> Split:
        """The split as a model that is told `given` sees it: whole, or x alone where it is None."""
        if given is not None or isinstance(self.view, Alone):
            return self
        return replace(self, view=Alone(self.view))

    def _each(self, change: Callable[[Any], Any]) -> Split:
        factors = None if self.factors is None else change(self.factors)
        return replace(self, tensors=tuple(map(change, self.tensors)), factors=factors)


def _name(view: Callable[..., Batch]) -> str:
    return getattr(view, "__name__", type(view).__name__)


@dataclass(frozen=True)
class Alone:
    """A view that shows x, and not what stands beside it."""

    view: Callable[..., Batch]

    def __call__(self, *batch: Tensor) -> Batch:
        """The first tensor of the batch as the other view shows it."""
        return self.view(*batch)[:1]


def _columns(split: Split, shown: Batch) -> Batch:
    """The whole tensors that a view shows as they are; where it makes others, what it shows."""
    whole = split.tensors[1:]
    forms = [[(t.dtype, t.shape[1:]) for t in part] for part in (whole, shown)]
    return whole if forms[0] == forms[1] else shown


def _joined(columns: tuple[Tensor, ...]) -> Tensor:
    """All of the splits' whole numbers, of which the largest matters; else the first column."""
    return torch.cat(columns) if columns[0].dtype == torch.int64 else columns[0]


@dataclass(frozen=True, repr=False)
class Dataset:
    """A named data set over a space, in fixed train, validation and test splits.

    The validation or test split may be empty, where nothing was held out.

    `origin` says in JSON where the examples came from and how they were split; checkpoints hold it.
    Its "spec" is the line that `pushforward.data.find` finds them by, where there is one.
    `classes` names the labels where there are any, `factors` the columns of the splits' factors.
    `given` is what stands beside x in every batch; where it is None, it is read off the tensors:
    whole numbers (n,) are Labels (as many as `classes` names, else up to the largest), floats
    Reals, whole numbers (n, ...) Tokens.

    Raises ValueError where there is nothing to train on, x is not of the space, or a label not of
    `given`.
    """

    name: str
    space: Any  # a Space; which of them, only the caller knows
    train: Split
    validation: Split
    test: Split
    origin: dict = field(default_factory=dict)
    classes: tuple[str, ...] = ()
    factors: tuple[Factor, ...] = ()
    given: Given = None

    def __post_init__(self) -> None:
        # A view may draw, and building a data set must not move the caller's random numbers.
        with torch.random.fork_rng(devices=[]):
            shown = {part: self._part(part).at(slice(0, 64)) for part in PARTS}
        beside = {part: _columns(getattr(self, part), batch[1:]) for part, batch in shown.items()}
        if self.given is None:
            together = tuple(map(_joined, zip(*beside.values())))
            object.__setattr__(self, "given", inferred(together, len(self.classes)))
        for part, batch in shown.items():
            self.space.check(batch[0], f"{self.name}.{part}")
            self._check_beside(beside[part], part)

    def _part(self, name: str) -> Split:
        """The split, once it is known to hold examples and the factors that are named."""
        split: Split = getattr(self, name)
        if not isinstance(split, Split):
            raise ValueError(
                f"{self.name}.{name} must be a Split((x,)), not {type(split).__name__}"
            )
        given = () if split.factors is None else split.factors.shape[1:]
        if tuple(given) != ((len(self.factors),) if self.factors else ()):
            raise ValueError(
                f"{self.name} names {len(self.factors)} factors, but those of its {name} split "
                f"are of shape {tuple(given)} an example"
            )
        if name == "train" and len(split) == 0:
            raise ValueError(f"the train split of {self.name} is empty")
        return split

    def __repr__(self) -> str:
        sizes = ", ".join(f"{len(getattr(self, part)):,} {part}" for part in PARTS)
        beside = "" if self.given is None else f", beside it {self.given}"
        return f"Dataset({self.name!r}, {self.space}{beside}: {sizes})"

    def _check_beside(self, columns: Batch, part: str) -> None:
        wanted = spaces_of(self.given)
        if len(columns) != len(wanted):
            raise ValueError(
                f"{self.name} says that {self.given} stands beside x, but its {part} split shows "
                f"{len(columns)} tensors there"
            )
        for space, column in zip(wanted, columns):
            if isinstance(space, Labels):  # few numbers: all are looked at
                space.check(column, f"the labels of {self.name}.{part}")

    def told(self, given: Given) -> Dataset:
        """The data as a model that is told `given` sees them: x alone, or all of every batch.

        Raises ValueError where the model is told something else than stands beside x.
        """
        if given is None and self.given is None:
            return self
        if given is None:
            splits = {part: getattr(self, part).told(None) for part in PARTS}
            return replace(self, given=None, **splits)
        if known(given) != known(self.given):
            raise ValueError(
                f"the model is told {given}, but beside its data {self.name} holds {self.given}"
                + ("" if self.given else ": load it with labels, or with what the model is told")
            )
        return self

    def describe(self) -> dict:
        """The record that a checkpoint keeps: name, sizes of the splits, origin."""
        sizes = {part: len(getattr(self, part)) for part in PARTS}
        return {"name": self.name, "splits": sizes, **self.origin}


def identity(described: Mapping[str, Any]) -> dict[str, Any]:
    """What a description says of the examples, without the words that they were found by.

    Two data sets of one identity hold the same examples in the same splits: a folder that was
    moved, or a copy with labels. What was split by the rules of older versions says no more of its
    examples than those versions did.
    """
    older = described.get("rule") != "content"
    words = {"spec"} | ({"rule", "examples"} if older else set())
    return {key: value for key, value in described.items() if key not in words}
