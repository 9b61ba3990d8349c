"""Masked convolutions over images in raster order, and how to run them one pixel at a time.

A position sees `above` whole rows above it (within `side` columns), what stands to its left in its
own row, and of itself the *groups* of features before its own: with groups for red, green and blue,
blue sees green sees red. Mask A (`strict`) leaves its own group out, mask B lets it in. The rows
below, which masks would only zero, are not computed at all.

Pixel Recurrent Neural Networks (van den Oord et al., 2016), arXiv:1601.06759, section 3.4, fig. 2.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..core.blueprint import Component
from ..core.spaces import count


def group_of(features: int, groups: int) -> Tensor:
    """The group of each feature: consecutive shares.

    >>> group_of(6, 3).tolist()
    [0, 0, 1, 1, 2, 2]
    """
    if count("features", features) % count("groups", groups):
        raise ValueError(f"{features} features do not share among {groups} groups: take a multiple")
    return torch.arange(features) * groups // features


class MaskedConv(Component):
    """(batch, inputs, height, width) -> (batch, outputs, height, width).

    Args:
        inputs: features, a multiple of `groups`.
        outputs: features, a multiple of `groups`.
        above: rows above that are seen.
        side: columns to the left that are seen (above, also to the right).
        groups: of features, in order.
        strict: mask A, which does not see its own group; else mask B.
    """

    mask: Tensor

    def __init__(
        self,
        inputs: int,
        outputs: int,
        above: int = 0,
        side: int = 0,
        groups: int = 1,
        strict: bool = False,
    ):
        super().__init__()
        self.above, self.side, self.groups = (
            count("above", above, 0),
            count("side", side, 0),
            groups,
        )
        columns = 2 * side + 1 if above else side + 1
        self.conv = nn.Conv2d(inputs, outputs, (above + 1, columns))
        mask = torch.ones_like(self.conv.weight, dtype=torch.bool)
        mask[:, :, -1, side + 1 :] = False
        ours, theirs = group_of(outputs, groups)[:, None], group_of(inputs, groups)
        mask[:, :, -1, side] = ours > theirs if strict else ours >= theirs
        self.register_buffer("mask", mask, persistent=False)
        with torch.no_grad():  # the start that a layer of only what is seen would have
            self.conv.weight.mul_((mask.numel() / mask.sum().clamp(min=1)) ** 0.5)

    def weight(self) -> Tensor:
        """The weights that are not masked, (outputs, inputs, above + 1, columns)."""
        return self.conv.weight * self.mask

    def bias(self) -> Tensor:
        """The biases, (outputs,)."""
        return self.conv.bias  # type: ignore[return-value]

    def forward(self, x: Tensor) -> Tensor:
        """The features after this layer, channels last: CPUs convolve those half as fast again."""
        # Padded on all sides, with the places that see too much cut off: a compiled padding of
        # some sides alone is several times slower than all else.
        found = F.conv2d(x, self.weight(), self.bias(), padding=(self.above, self.side))
        found = found[:, :, : x.shape[2], : x.shape[3]]
        return found.contiguous(memory_format=torch.channels_last)

    def run(self, n: int, width: int, extra: Tensor | None = None, renewed: bool = False) -> RowRun:
        """The same layer, one pixel at a time; `extra` (n, outputs) is added to its outputs."""
        bias = self.bias()[:, None] if extra is None else self.bias()[:, None] + extra.t()
        return RowRun(self.weight(), bias, self.side, n, width, self.groups, renewed)


class RowRun:
    """A causal convolution under way along rows of `n` images; numbers lie as (column, feature, n).

    What the rows above contribute is computed for a whole row at once; a pixel then costs one
    product with its `side + 1` columns, which lie in one piece.

    Args:
        weight: (outputs, inputs, rows, columns); the last row's columns end at the pixel itself.
        bias: (outputs, 1), or (outputs, n) where it differs between the images.
        side: columns that are seen to the left.
        n: images.
        width: of a row.
        groups: of features, in order.
        renewed: whether `keep` is called in every row; it is by `next_row` with rows above.
    """

    def __init__(
        self,
        weight: Tensor,
        bias: Tensor,
        side: int,
        n: int,
        width: int,
        groups: int = 1,
        renewed: bool = False,
    ):
        weight, (outputs, inputs, above, columns) = weight.detach(), weight.shape
        taps = weight.transpose(1, 3).transpose(1, 2).flatten(2)  # (outputs, rows, all seen)
        self.bias = bias.detach().expand(width, outputs, n)
        self.weights = taps[:, -1, : (side + 1) * inputs].contiguous().chunk(groups)
        self.weights_above = [w.expand(width, -1, -1) for w in taps[:, :-1].unbind(1)]
        self.row = weight.new_zeros(side + width, inputs, n)
        self.slots = [place.chunk(groups) for place in self.row[side:]]
        self.seen = [self.row[c : c + side + 1].flatten(0, 1) for c in range(width)]
        self.rows = [weight.new_zeros(width + columns - 1, inputs, n) for _ in range(above - 1)]
        self.inside = slice(side, side + width)
        self.renewed = renewed or bool(self.rows)
        # What all but this row contributes, and each pixel's share of it by group.
        self.whole = self.bias.contiguous()
        self.rest = [part.unbind(0) for part in self.whole.chunk(groups, 1)]

    def next_row(self) -> None:
        """Moves on to the next row; the first call enters the first."""
        if self.rows:
            self.rows = [*self.rows[1:], self.rows[0]]
            self.rows[-1][self.inside] = self.row[self.inside]
            self.keep(self.bias)
            for row, weight in zip(self.rows, self.weights_above):
                self.whole.baddbmm_(weight, _windows(row, len(self.whole), weight.shape[2]))

    def keep(self, rest: Tensor) -> None:
        """Sets what all but this row contributes, (column, feature, image)."""
        self.whole.copy_(rest)

    def slot(self, column: int, group: int) -> Tensor:
        """Where the inputs (features of the group, n) at a pixel of this row are to be written."""
        return self.slots[column][group]

    def at(self, column: int, group: int) -> Tensor:
        """The outputs (features of the group, n) at a pixel of this row; ask once in every row."""
        return self.place(column, group)[1]()

    def place(self, column: int, group: int) -> tuple[Tensor, Callable[[], Tensor]]:
        """`slot` and `at` of a pixel, to be called once in every row."""
        rest, weights = self.rest[group][column], self.weights[group]
        # What is set anew in every row may be used up: that saves an allocation and a copy.
        add = rest.addmm_ if self.renewed else partial(torch.addmm, rest)
        return self.slots[column][group], partial(add, weights, self.seen[column])


def _windows(row: Tensor, width: int, length: int) -> Tensor:
    """What each of `width` columns sees of a row (column, feature, image), without a copy."""
    features, n = row.shape[1:]
    return row.as_strided((width, length, n), (features * n, n, 1))
