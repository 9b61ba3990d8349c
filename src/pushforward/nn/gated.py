"""Gated layers of two stacks: what is above, and what is to the left, without a blind spot.

    v' = tanh(W_f * v + V_f y) o sigma(W_g * v + V_g y)
    h' = h + 1x1(tanh(.) o sigma(.)),  with . the same of h to the left, plus 1x1(W * v)

The vertical stack sees only whole rows above, so that its convolutions need no mask and no pixel is
lost; the horizontal stack sees its own row, channel group by channel group, and reads from the
vertical one.

Conditional Image Generation with PixelCNN Decoders (van den Oord et al., 2016), arXiv:1606.05328,
eqs. 2-4, figures 1-2.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..core.blueprint import Component
from .conditions import everywhere
from .masked_conv import MaskedConv, RowRun


def gate(y: Tensor, groups: int = 1, dim: int = 1) -> Tensor:
    """tanh(a) o sigma(b), where in each group of features the first half is a, the second b."""
    a, b = y.unflatten(dim, (groups, 2, -1)).unbind(dim + 1)
    return (a.tanh() * b.sigmoid()).flatten(dim, dim + 1)


class GatedLayer(Component):
    """Two stacks (batch, inputs, height, width) -> two stacks (batch, width, height, width).

    Args:
        inputs: features coming in, in `groups`.
        width: features going out, a multiple of `groups`.
        reach: rows and columns seen to each side.
        groups: of features, in order.
        context: length of a vector (batch, context), or features of a map (batch, context, height,
            width), to condition on; 0 is none.
        first: the layer on the image itself: it does not see the pixel, and adds nothing to it.
    """

    def __init__(
        self,
        inputs: int,
        width: int,
        reach: int = 1,
        groups: int = 1,
        context: int = 0,
        first: bool = False,
    ):
        super().__init__()
        self.reach, self.groups, self.first = reach, groups, first
        self.vertical = nn.Conv2d(inputs, 2 * width, (reach + (not first), 2 * reach + 1))
        self.link = nn.Conv2d(2 * width, 2 * width, 1)
        self.horizontal = MaskedConv(inputs, 2 * width, 0, reach, groups, strict=first)
        self.leave = MaskedConv(width, width, groups=groups)
        self.map = nn.Conv2d(context, 4 * width, 1) if context else None

    def forward(self, v: Tensor, h: Tensor, c: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The vertical and the horizontal stack after this layer."""
        reach = self.reach
        seen = self.vertical(F.pad(v, (reach, reach, reach, -1 if self.first else 0)))
        for_v, for_h = self.told(c)
        found = self.leave(gate(self.horizontal(h) + self.link(seen) + for_h, self.groups))
        return gate(seen + for_v), found if self.first else h + found

    def told(self, c: Tensor | None) -> tuple[Tensor | float, Tensor | float]:
        """What c adds to the two stacks, (batch, 2 * width, 1, 1) or at every pixel."""
        if self.map is None or c is None:
            return 0.0, 0.0
        for_v, for_h = self.map(everywhere(c)).chunk(2, 1)
        return for_v, for_h

    def run(self, n: int, width: int, c: Tensor | None) -> GatedRun:
        """The same layer, row by row and pixel by pixel."""
        return GatedRun(self, n, width, c)


class GatedRun:
    """A `GatedLayer` under way along the rows of `n` images of this width."""

    def __init__(self, layer: GatedLayer, n: int, width: int, c: Tensor | None):
        self.layer, self.row = layer, 0
        self.for_v, self.for_h = layer.told(c)
        self.horizontal: RowRun = layer.horizontal.run(n, width, renewed=True)
        self.leave: RowRun = layer.leave.run(n, width)
        weight = layer.vertical.weight
        self.above = weight.new_zeros(n, weight.shape[1], layer.reach, width)

    def next_row(self, v: Tensor) -> Tensor:
        """Takes a row (n, inputs, 1, width) of the vertical stack, returns its row after the layer.

        The row is this row, or where the layer is the first, the last one.
        """
        rows = torch.cat([self.above, v], 2)
        self.above = rows[:, :, 1:]
        layer = self.layer
        seen = F.conv2d(
            self.above if layer.first else rows,
            layer.vertical.weight,
            layer.vertical.bias,
            padding=(0, layer.reach),
        )
        for_v, for_h = (self._here(given) for given in (self.for_v, self.for_h))
        rest = (layer.link(seen) + for_h).squeeze(2).permute(2, 1, 0) + self.horizontal.bias
        self.horizontal.keep(rest)
        self.row += 1
        return gate(seen + for_v)

    def _here(self, given: Tensor | float) -> Tensor | float:
        """What c adds in this row."""
        if isinstance(given, float) or given.shape[2] == 1:
            return given
        return given[:, :, self.row : self.row + 1]

    def at(self, h: Tensor | None, column: int, group: int) -> Tensor:
        """The horizontal stack (features of the group, n) at a pixel; `h` is None in the first."""
        if h is not None:
            self.horizontal.slot(column, group).copy_(h)
        a, b = self.horizontal.at(column, group).chunk(2)
        torch.mul(a.tanh_(), b.sigmoid_(), out=self.leave.slot(column, group))
        found = self.leave.at(column, group)
        return found if h is None or self.layer.first else found.add_(h)
