"""A causal U-net under way along rows and pixels, with every feature computed once.

A coarse row is new at every second row, a coarse pixel at every second pixel of such a row: else
what it gave is still there (Ramachandran et al., 2017, arXiv:1704.06001, section 2).
The stream u goes by whole rows (n, features, 1, width), the stream s by pixels (features, n).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from .causal_unet import GatedResidual, Level, S, U, concat_elu
from .masked_conv import RowRun
from .weight_norm import WeightNormConv


def walking(conv: WeightNormConv, n: int, width: int) -> RowRun:
    """A convolution of the stream s, pixel by pixel."""
    return RowRun(conv.weight(), conv.bias[:, None], conv.pad[0], n, width)


class RowConv:
    """A convolution of the stream u, row by row: it keeps the row above."""

    def __init__(self, conv: WeightNormConv, n: int, width: int):
        self.weight, self.bias, self.stride = conv.weight(), conv.bias, conv.stride
        self.above = self.weight.new_zeros(n, self.weight.shape[1], 1, width)

    def next(self, row: Tensor, wanted: bool = True) -> Tensor:
        """Takes the next row of inputs; the outputs there, where they are wanted."""
        rows, self.above = torch.cat([self.above, row], 2), row
        if not wanted:
            return row
        return F.conv2d(rows, self.weight, self.bias, (1, self.stride), (0, 1))


class RowResidual:
    """A `GatedResidual` of the stream u."""

    def __init__(self, layer: GatedResidual, n: int, width: int, c: Tensor | None):
        self.layer = layer
        self.first, self.second = RowConv(layer.first, n, width), RowConv(layer.second, n, width)
        self.told = 0 if layer.told is None else layer.told(c)[:, :, None, None]

    def next(self, x: Tensor, handed: Tensor | None) -> Tensor:
        """The row after this layer."""
        inner = self.first.next(concat_elu(x))
        if handed is not None:
            inner = inner + self.layer.shortcut(concat_elu(handed))  # type: ignore[misc]
        a, b = (self.second.next(concat_elu(inner)) + self.told).chunk(2, 1)
        return x + a * b.sigmoid()


class PixelResidual:
    """A `GatedResidual` of the stream s."""

    def __init__(self, layer: GatedResidual, n: int, width: int, c: Tensor | None):
        self.first, self.second = walking(layer.first, n, width), walking(layer.second, n, width)
        shortcut = layer.shortcut
        assert shortcut is not None, "the stream s always sees the stream u"
        self.shortcut, self.bias = shortcut.weight().flatten(1), shortcut.bias[:, None]
        self.told = 0 if layer.told is None else layer.told(c).t()

    def next_row(self) -> None:
        """Moves on to the next row."""
        self.first.next_row()
        self.second.next_row()

    def at(self, x: Tensor, handed: Tensor, column: int) -> Tensor:
        """The features (width, n) at a pixel after this layer."""
        self.first.slot(column, 0).copy_(concat_elu(x, 0))
        inner = torch.addmm(self.bias, self.shortcut, concat_elu(handed, 0))
        inner += self.first.at(column, 0)
        self.second.slot(column, 0).copy_(concat_elu(inner, 0))
        a, b = (self.second.at(column, 0) + self.told).chunk(2)
        return torch.addcmul(x, a, b.sigmoid())


class LevelRun:
    """A `Level` under way, with the coarser ones within it."""

    def __init__(self, level: Level, n: int, width: int, c: Tensor | None):
        self.row, self.inner = -1, None
        self.up = [
            (RowResidual(u, n, width, c), PixelResidual(s, n, width, c)) for u, s in level.up
        ]
        self.down = [
            (RowResidual(u, n, width, c), PixelResidual(s, n, width, c)) for u, s in level.down
        ]
        if level.inner is not None:
            self.inner = LevelRun(level.inner, n, width // 2, c)
            self.shrink_u = RowConv(level.shrink[U], n, width)  # type: ignore[arg-type]
            self.shrink_s = walking(level.shrink[S], n, width)  # type: ignore[arg-type]
            self.grow_u, grow_s = level.grow[U], level.grow[S]
            self.grown = grow_s.weight()  # type: ignore[operator]
            self.bias = grow_s.bias[:, None]  # type: ignore[index]
            self.coarse: list[Tensor] = [self.bias] * (width // 2)

    def next_row(self, u: Tensor) -> Tensor:
        """Takes a row of u; its row after this level. The pixels of s may follow."""
        self.row += 1
        handed, self.seen = [u], []
        for up_u, up_s in self.up:
            up_s.next_row()
            handed.append(u := up_u.next(u, None))
            self.seen.append(_by_pixel(u))
        if self.inner is None:
            handed.pop()
        else:
            u = self._coarse_row(u)
        for down_u, down_s in self.down:
            down_s.next_row()
            u = down_u.next(u, handed.pop())
            self.seen.append(_by_pixel(u))
        return u

    def _coarse_row(self, u: Tensor) -> Tensor:
        assert self.inner is not None
        self.shrink_s.next_row()
        new = self.row % 2 == 0
        small = self.shrink_u.next(u, wanted=new)
        if new:
            self.rows = self.grow_u(self.inner.next_row(small)).split(1, 2)
        return self.rows[self.row % 2]

    def at(self, s: Tensor, column: int) -> Tensor:
        """Takes the pixel (width, n) of s; its features after this level."""
        handed, seen = [s], iter(self.seen)
        for _, up_s in self.up:
            handed.append(s := up_s.at(s, next(seen)[column], column))
        if self.inner is None:
            handed.pop()
        else:
            s = self._coarse_pixel(s, column)
        for _, down_s in self.down:
            s = down_s.at(s, torch.cat([next(seen)[column], handed.pop()]), column)
        return s

    def _coarse_pixel(self, s: Tensor, column: int) -> Tensor:
        assert self.inner is not None
        self.shrink_s.slot(column, 0).copy_(s)
        if self.row % 2 == column % 2 == 0:
            self.coarse[column // 2] = self.inner.at(self.shrink_s.at(column, 0), column // 2)
        weight = self.grown[:, :, self.row % 2, column % 2]
        return torch.addmm(self.bias, weight, self.coarse[column // 2])


def _by_pixel(u: Tensor) -> Tensor:
    """A row (n, features, 1, width) as (width, features, n)."""
    return u.squeeze(2).permute(2, 1, 0).contiguous()
