"""PixelCNN: masked convolutions, so that one pass gives the distribution of every pixel.

    p(x) = prod_i p(x_i,R | x_<i) p(x_i,G | x_<i, x_i,R) p(x_i,B | x_<i, x_i,R, x_i,G)

The first layer has mask A (a pixel does not see itself), the others mask B. A stack of them never
sees some pixels above to the right, however deep it is: the *blind spot*, which
`receptive_field` shows and the gated PixelCNN removes.

Pixel Recurrent Neural Networks (van den Oord, Kalchbrenner & Kavukcuoglu, 2016), arXiv:1601.06759,
eqs. 1-2, sections 3.3-3.5, table 1 (PixelCNN column), figure 5 (the residual block).

Differs from the paper: labels and vectors may condition every block; values may enter as learned
vectors; blocks may be single convolutions, as in the plain PixelCNN of many tutorials.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...core.catalogue import example, system
from ...core.spaces import Pixels, Space, count
from ...nn.conditions import width_of
from ...nn.masked_conv import MaskedConv, RowRun
from .raster import Raster, RasterRun


class Residual(nn.Module):
    """h + 1x1(relu(k x k(relu(1x1(relu(h)) + told)))), half as wide inside."""

    def __init__(self, width: int, reach: int, groups: int, context: int):
        super().__init__()
        half = width // 2
        self.narrow = MaskedConv(width, half, groups=groups)
        self.look = MaskedConv(half, half, reach, reach, groups)
        self.widen = MaskedConv(half, width, groups=groups)
        self.told = nn.Linear(context, half, bias=False) if context else None

    def forward(self, h: Tensor, c: Tensor | None) -> Tensor:
        """The features (batch, width, height, width) after this block."""
        inner = self.narrow(F.relu(h))
        if self.told is not None:
            inner = inner + self.told(c)[:, :, None, None]
        return h + self.widen(F.relu(self.look(F.relu(inner))))

    def run(self, n: int, width: int, c: Tensor | None) -> list[RowRun]:
        """Its convolutions under way; what is told is in the bias of the first."""
        told = None if self.told is None else self.told(c)
        first = self.narrow.run(n, width, told)
        return [first, self.look.run(n, width), self.widen.run(n, width)]


class Plain(nn.Module):
    """k x k(relu(h)) + told: a layer and nothing else."""

    def __init__(self, width: int, reach: int, groups: int, context: int):
        super().__init__()
        self.look = MaskedConv(width, width, reach, reach, groups)
        self.told = nn.Linear(context, width, bias=False) if context else None

    def forward(self, h: Tensor, c: Tensor | None) -> Tensor:
        """The features (batch, width, height, width) after this layer."""
        found = self.look(F.relu(h))
        return found if self.told is None else found + self.told(c)[:, :, None, None]

    def run(self, n: int, width: int, c: Tensor | None) -> list[RowRun]:
        """Its convolution under way."""
        return [self.look.run(n, width, None if self.told is None else self.told(c))]


class PixelCNN(Raster):
    """An exact density over images or grids of codes, given a class, a vector, both or nothing.

    Args:
        space: Pixels, whose channels are red before green before blue; or Tokens of a grid.
        width: features, a multiple of twice the channels (the paper's 2h); None is the one next
            to its 128.
        layers: residual blocks.
        kernel: of the blocks' convolutions, odd.
        first: kernel of the first convolution, odd.
        classes: number of labels to condition on; 0 is none.
        embedding: length of the learned vectors as which values enter; 0 scales them to [-1, 1].
        residual: blocks of three convolutions that add to h; else every layer is one convolution.
        context: length of a vector to condition on, after the label; 0 is none.
    """

    def __init__(
        self,
        space: Space,
        width: int | None = None,
        layers: int = 7,
        kernel: int = 3,
        first: int = 7,
        classes: int = 0,
        embedding: int = 0,
        residual: bool = True,
        context: int = 0,
    ):
        super().__init__(space, classes, embedding, vector("context", context))
        channels = self.channels
        width = 128 // (2 * channels) * 2 * channels if width is None else width
        if width % (2 * channels):
            raise ValueError(f"width must be a multiple of {2 * channels}, not {width}")
        reach, far = odd("kernel", kernel) // 2, odd("first", first) // 2
        self.enter = MaskedConv(channels * self.size, width, far, far, channels, strict=True)
        block = Residual if residual else Plain
        told = width_of(self.given)
        blocks = [block(width, reach, channels, told) for _ in range(layers)]
        self.blocks: Sequence[Residual | Plain] = nn.ModuleList(blocks)  # type: ignore[assignment]
        self.hidden = MaskedConv(width, width, groups=channels)
        self.leave = MaskedConv(width, channels * self.head.outputs, groups=channels)

    def network(self, features: Tensor, c: Tensor | None) -> Tensor:
        """Parameters (batch, channels * outputs, height, width)."""
        h = self.enter(features)
        for block in self.blocks:
            h = block(h, c)
        return self.leave(F.relu(self.hidden(F.relu(h))))

    def run_rows(self, n: int, c: Tensor | None) -> RasterRun:
        """The network, one channel of one pixel at a time."""
        return _Rows(self, n, c)


class _Rows(RasterRun):
    """Every convolution under way."""

    def __init__(self, model: PixelCNN, n: int, c: Tensor | None):
        width, groups = model.breadth, model.channels
        self.enter, hidden, leave = (
            conv.run(n, width) for conv in (model.enter, model.hidden, model.leave)
        )
        blocks = [*(block.run(n, width, c) for block in model.blocks), [hidden], [leave]]
        self.looking = [run for block in ([self.enter], *blocks) for run in block if run.rows]
        # At a pixel these are read thousands of times, so they are looked up once.
        self.places = [
            [[[run.place(i, g) for run in block] for block in blocks] for g in range(groups)]
            for i in range(width)
        ]

    def next_row(self) -> None:
        for run in self.looking:
            run.next_row()

    def parameters(self, column: int, group: int) -> Tensor:
        h = self.enter.at(column, group)
        for block in self.places[column][group]:
            found = h
            for slot, step in block:
                torch.clamp_min(found, 0, out=slot)
                found = step()
            h = found if len(block) == 1 else found.add_(h)
        return h

    def see(self, column: int, group: int, features: Tensor) -> None:
        self.enter.slot(column, group).copy_(features)


def relu_through(run: RowRun, h: Tensor, column: int, group: int) -> Tensor:
    """The convolution of relu(h) at one pixel, of features (features, n) known so far."""
    torch.clamp_min(h, 0, out=run.slot(column, group))
    return run.at(column, group)


def vector(name: str, length: int) -> tuple[int, ...]:
    """The shape of a vector of that length; () for 0."""
    return (length,) if count(name, length, 0) else ()


def odd(name: str, kernel: int) -> int:
    """Returns `kernel`; raises ValueError where it is not an odd number of at least 1."""
    if kernel < 1 or kernel % 2 == 0:
        raise ValueError(f"{name} must be an odd number, not {kernel!r}")
    return kernel


@example(data="bars?height=2")
def pixelcnn() -> PixelCNN:
    """Two blocks on tiny images: the density can be summed."""
    return PixelCNN(Pixels(1, 2, 4, levels=2), width=16, layers=2, first=5)


system(
    "pixelcnn",
    lecture=2,
    title="PixelCNN: masked convolutions",
    paper="https://arxiv.org/abs/1601.06759",
)
