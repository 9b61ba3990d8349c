"""Which cells of a grid a cell may look at: the sparse patterns of DALL-E's layers.

    row             the w cells before, in raster order: to the one above
    column          the cells above, in the same column
    convolutional   a window around the cell, of which the part before it
    full            every cell before

A sequence of text comes before the grid; all of it is seen by every cell. A grid of w x w cells is
read by w times fewer products in a row's or column's pattern than by full attention, and two such
layers still join any two cells.

Zero-Shot Text-to-Image Generation (Ramesh et al., 2021), arXiv:2102.12092, appendix B.1, figure 11:
a cell sees itself and, in raster order, the cells up to the one above it (row), every w-th one
(column), or those that a kernel reaches, wrapping round at the sides (convolutional).
Generating Long Sequences with Sparse Transformers (Child et al., 2019), arXiv:1904.10509.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from ..core.blueprint import record
from ..core.spaces import count


class Pattern(Protocol):
    """What cells of a grid with `width` columns see of each other."""

    def sees(self, back: Tensor, width: int) -> Tensor:
        """Whether a cell sees the one that lies `back` >= 0 places before it in raster order."""


@record
@dataclass(frozen=True)
class Full:
    """Every cell before."""

    def sees(self, back: Tensor, width: int) -> Tensor:
        """Always."""
        return torch.ones_like(back, dtype=torch.bool)


@record
@dataclass(frozen=True)
class Row:
    """The cells before, up to the one above."""

    def sees(self, back: Tensor, width: int) -> Tensor:
        """Up to `width` places back."""
        return back <= width


@record
@dataclass(frozen=True)
class Column:
    """The cells above."""

    def sees(self, back: Tensor, width: int) -> Tensor:
        """A whole number of rows back."""
        return back % width == 0


@record
@dataclass(frozen=True)
class Convolutional:
    """The cells before that an odd `kernel` around the cell reaches, wrapping round at the sides.

    Raises ValueError for an even kernel.
    """

    kernel: int = 3

    def __post_init__(self) -> None:
        if count("kernel", self.kernel) % 2 == 0:
            raise ValueError(f"kernel must be odd, so that it has a middle, not {self.kernel}")

    def sees(self, back: Tensor, width: int) -> Tensor:
        """Within kernel // 2 rows up and columns aside."""
        reach = self.kernel // 2
        aside = (back + reach) % width <= 2 * reach
        return aside & ((back + reach) // width <= reach)


def mask(pattern: Pattern, text: int, grid: tuple[int, int]) -> Tensor:
    """What each of `text` places and then the cells of a grid sees, bool (length, length).

    Text sees the text before it, cells all text and cells as the pattern says; all see themselves.
    """
    length, width = text + grid[0] * grid[1], grid[1]
    places = torch.arange(length)
    back = places[:, None] - places
    cells = (places >= text)[:, None] & (places >= text)
    seen = pattern.sees(back.clamp(min=0), width)
    return (back >= 0) & (~cells | seen)


def masks(
    patterns: Sequence[Pattern], layers: int, text: int, grid: tuple[int, int]
) -> list[Tensor]:
    """The masks of all layers, over which the patterns are repeated."""
    return [mask(patterns[i % len(patterns)], text, grid) for i in range(layers)]
