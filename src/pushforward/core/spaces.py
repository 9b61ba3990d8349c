"""Spaces: what a datum is. Every model is built for one, and speaks it.

`Pixels` are the integers that a dataset holds, `Reals` are float tensors, `Tokens` are integer
sequences or grids, `Labels` are classes. Scaling, dequantisation and their log-determinants happen
inside the models, so that bits/dim means the same thing for all of them. What a model is told
beside is of a space too (`core/given.py`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from numbers import Integral
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from .blueprint import record

_trust: list[bool] = [False]


@contextmanager
def trusted() -> Iterator[None]:
    """Within it, spaces check shapes and types but not values (which the trainer checked once).

    Looking at values on an accelerator makes every step wait for it.
    """
    _trust.append(True)
    try:
        yield
    finally:
        _trust.pop()


def _refuse(space: object, name: str, expected: str, given: str) -> None:
    raise ValueError(f"{name} is not of {space}: expected {expected}, was given {given}")


def _check_form(space: Condition, x: Tensor, name: str, types: str, fits: bool) -> None:
    if not isinstance(x, Tensor):
        _refuse(space, name, "a torch.Tensor", type(x).__name__)
    shape = ", ".join(("batch", *map(str, space.shape)))
    if x.dim() != len(space.shape) + 1 or tuple(x.shape[1:]) != space.shape:
        comma = "" if space.shape else ","
        _refuse(space, name, f"shape ({shape}{comma})", f"shape {tuple(x.shape)}")
    if not fits:
        _refuse(space, name, types, str(x.dtype).removeprefix("torch."))


def _check_values(space: Condition, x: Tensor, name: str, top: int) -> None:
    if _trust[-1] or torch.compiler.is_compiling() or x.numel() == 0:
        return
    low, high = (int(v) for v in torch.aminmax(x))
    if low < 0 or high > top:
        _refuse(space, name, f"values 0 .. {top}", f"values {low} .. {high}")


def plain(settings: Any) -> None:
    """Makes Python's own of whole numbers of numpy in a frozen dataclass.

    Those are of few bits: a product of them may overflow.
    """
    for name, value in vars(settings).items():
        if isinstance(value, Integral) and not isinstance(value, bool):
            object.__setattr__(settings, name, int(value))


@record
@dataclass(frozen=True)
class Pixels:
    """Images: uint8 (batch, channels, height, width) with values 0 .. levels - 1.

    >>> Pixels(1, 8, 8, levels=17).dims
    64
    """

    channels: int
    height: int
    width: int
    levels: int = 256

    def __post_init__(self) -> None:
        plain(self)
        if min(self.channels, self.height, self.width) < 1:
            raise ValueError(f"an image needs at least one channel, row and column: {self}")
        if not 2 <= self.levels <= 256:
            raise ValueError(f"levels must be 2 .. 256 (they are stored as uint8), not {self}")

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape of one datum: (channels, height, width)."""
        return (self.channels, self.height, self.width)

    @property
    def dims(self) -> int:
        """How many numbers one datum has: the D of bits/dim."""
        return math.prod(self.shape)

    def check(self, x: Tensor, name: str = "x") -> Tensor:
        """Returns `x`; raises ValueError with what was expected and what was given."""
        _check_form(self, x, name, "uint8", getattr(x, "dtype", None) == torch.uint8)
        if self.levels < 256:
            _check_values(self, x, name, self.levels - 1)
        return x

    def to_unit(self, x: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
        """Integers to floats in [0, 1]."""
        return x.to(dtype) / (self.levels - 1)

    def to_signed(self, x: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
        """Integers to floats in [-1, 1]."""
        return x.to(dtype) * (2 / (self.levels - 1)) - 1

    def from_unit(self, x: Tensor) -> Tensor:
        """Floats to the nearest integers: [0, 1] to 0 .. levels - 1, clipped."""
        return (x * (self.levels - 1)).round().clamp(0, self.levels - 1).to(torch.uint8)

    def from_signed(self, x: Tensor) -> Tensor:
        """Floats to the nearest integers: [-1, 1] to 0 .. levels - 1, clipped."""
        return self.from_unit((x + 1) / 2)


@record
@dataclass(frozen=True)
class Reals:
    """Float tensors (batch, *shape).

    >>> Reals((2,)).dims
    2
    """

    shape: tuple[int, ...]

    def __post_init__(self) -> None:
        # A list comes back from JSON; a dataclass that is frozen can still be set up here.
        object.__setattr__(self, "shape", tuple(int(n) for n in self.shape))
        if any(n < 1 for n in self.shape):
            raise ValueError(f"every size must be at least 1: {self}")

    @property
    def dims(self) -> int:
        """How many numbers one datum has."""
        return math.prod(self.shape)

    def check(self, x: Tensor, name: str = "x") -> Tensor:
        """Returns `x`; raises ValueError with what was expected and what was given."""
        floating = isinstance(x, Tensor) and x.is_floating_point()
        _check_form(self, x, name, "a floating-point type", floating)
        return x


@record
@dataclass(frozen=True)
class Tokens:
    """Sequences: int64 (batch, length) with values 0 .. vocabulary - 1; or grids of them.

    A tuple in place of the length is the shape of a grid, whose order is raster order:

    >>> Tokens(length=16, vocabulary=27).shape
    (16,)
    >>> Tokens((4, 4), 512).shape
    (4, 4)
    """

    length: int
    vocabulary: int
    grid: tuple[int, ...] = ()

    if TYPE_CHECKING:

        def __init__(
            self, length: int | tuple[int, ...], vocabulary: int, grid: tuple[int, ...] = ()
        ) -> None: ...

    def __post_init__(self) -> None:
        shape = self.length if isinstance(self.length, tuple | list) else self.grid
        grid = tuple(int(n) for n in shape)
        if not isinstance(self.length, Integral):
            object.__setattr__(self, "length", math.prod(grid))
        object.__setattr__(self, "grid", grid if len(grid) > 1 else ())
        plain(self)
        if self.length < 1 or self.vocabulary < 1:
            raise ValueError(f"length and vocabulary must be at least 1: {self}")
        if self.grid and math.prod(self.grid) != self.length:
            raise ValueError(f"a grid {self.grid} does not hold {self.length} tokens")

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one datum: (length,), or that of the grid."""
        return self.grid or (self.length,)

    @property
    def dims(self) -> int:
        """How many tokens one datum has."""
        return self.length

    @property
    def sequence(self) -> Tokens:
        """The same tokens without their grid."""
        return Tokens(self.length, self.vocabulary)

    def check(self, x: Tensor, name: str = "x") -> Tensor:
        """Returns `x`; raises ValueError with what was expected and what was given."""
        _check_form(self, x, name, "int64", getattr(x, "dtype", None) == torch.int64)
        _check_values(self, x, name, self.vocabulary - 1)
        return x


@record
@dataclass(frozen=True)
class Labels:
    """Classes: int64 (batch,) with values 0 .. classes - 1.

    With `unknown`, the value `classes` stands for a class that is not known: for models that were
    trained to do without.

    >>> Labels(10).shape
    ()
    """

    classes: int
    unknown: bool = False

    def __post_init__(self) -> None:
        count("classes", self.classes)
        plain(self)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one label: ()."""
        return ()

    @property
    def dims(self) -> int:
        """A label is one number."""
        return 1

    def check(self, x: Tensor, name: str = "labels") -> Tensor:
        """Returns `x`; raises ValueError with what was expected and what was given."""
        _check_form(self, x, name, "int64", getattr(x, "dtype", None) == torch.int64)
        _check_values(self, x, name, self.classes - (not self.unknown))
        return x


Space = Pixels | Reals | Tokens
"""What a model models."""

Condition = Space | Labels
"""What a model is told."""


def count(name: str, value: object, least: int = 1) -> int:
    """Returns `value` if it is a whole number of at least `least`, else raises ValueError.

    >>> count("n", 0)
    Traceback (most recent call last):
    ...
    ValueError: n must be a whole number of at least 1, not 0
    """
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise ValueError(f"{name} must be a whole number of at least {least}, not {value!r}")
    return int(value)
