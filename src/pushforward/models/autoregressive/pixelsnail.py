"""PixelSNAIL: causal convolutions for what is near, causal attention for all that came before.

    p(x | y) = prod_i p(x_i | x_<i, y),    h <- attention(residuals(h, y), x),    again and again

A stack of convolutions remembers what is far through all layers between, and less of it in each; a
PixelCNN's never sees some of it. Attention reads any pixel before in one step, so that a single
block sees everything.

PixelSNAIL: An Improved Autoregressive Generative Model (Chen, Mishra, Rohaninejad & Abbeel, 2018),
arXiv:1712.09763, section 3, figures 2-3.

Differs from the paper: conditionals are categorical, channel by channel, where the paper draws a
pixel's channels together from logistics (`PixelCNNpp`); residuals see 3 x 3 pixels where the
authors' code sees 2 x 2; weights are not normalised; attention may find nothing (`nn/snail.py`);
what conditions may be a map.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...core.catalogue import example, system
from ...core.spaces import Pixels, Space, count
from ...nn.conditions import width_of
from ...nn.masked_conv import MaskedConv
from ...nn.snail import GatedResidual, PastAttention, elu_through
from .factorised import probability
from .pixelcnn import odd
from .raster import Raster, RasterRun, image_of, map_or_vector


class SnailBlock(nn.Module):
    """Residuals, then attention."""

    def __init__(self, residuals: list[GatedResidual], attention: PastAttention):
        super().__init__()
        self.residuals: Sequence[GatedResidual] = nn.ModuleList(residuals)  # type: ignore[assignment]
        self.attention = attention

    def forward(self, h: Tensor, seen: Tensor, c: Tensor | None) -> Tensor:
        """The features (batch, width, height, width) after this block."""
        for residual in self.residuals:
            h = residual(h, c)
        return self.attention(h, seen)


class PixelSNAIL(Raster):
    """An exact density over images or grids of codes, given a class, a map, both or nothing.

    Args:
        space: Pixels, whose channels are red before green before blue; or Tokens of a grid.
        width: features, a multiple of the channels.
        blocks: of residuals and an attention.
        layers: residuals in each.
        kernel: of their convolutions, odd.
        first: kernel of the first convolution, odd.
        keys: features of a key, a query and a value of an attention.
        classes: number of labels to condition on; 0 is none.
        embedding: length of the learned vectors as which values enter; 0 scales them to [-1, 1].
        context: features at every pixel (batch, context, height, width) to condition on, after the
            label; or (length,) of a vector, the same everywhere; 0 is none.
        dropout: in training.
    """

    def __init__(
        self,
        space: Space,
        width: int = 96,
        blocks: int = 4,
        layers: int = 3,
        kernel: int = 3,
        first: int = 3,
        keys: int = 32,
        classes: int = 0,
        embedding: int = 0,
        context: int | tuple[int] = 0,
        dropout: float = 0.0,
    ):
        channels, *sides, _ = image_of(space, "PixelSNAIL")
        super().__init__(space, classes, embedding, map_or_vector(context, *sides))
        if count("width", width) % channels:
            raise ValueError(f"width must be a multiple of the {channels} channels, not {width}")
        reach, far = odd("kernel", kernel) // 2, odd("first", first) // 2
        inputs, drop = channels * self.size, probability("dropout", dropout)
        self.enter = MaskedConv(inputs, width, far, far, channels, strict=True)
        built = []
        for _ in range(count("blocks", blocks)):
            residuals = [
                GatedResidual(width, reach, channels, width_of(self.given), dropout=drop)
                for _ in range(count("layers", layers))
            ]
            attention = PastAttention(inputs, width, count("keys", keys), channels, drop)
            built.append(SnailBlock(residuals, attention))
        self.blocks: Sequence[SnailBlock] = nn.ModuleList(built)  # type: ignore[assignment]
        self.leave = MaskedConv(width, channels * self.head.outputs, groups=channels)

    def network(self, features: Tensor, c: Tensor | None) -> Tensor:
        """Parameters (batch, channels * outputs, height, width)."""
        h = self.enter(features)
        for block in self.blocks:
            h = block(h, features, c)
        return self.leave(F.elu(h))

    def run_rows(self, n: int, c: Tensor | None) -> RasterRun:
        """The network, one channel of one pixel at a time."""
        return _Rows(self, n, c)


class _Rows(RasterRun):
    """Every block under way."""

    def __init__(self, model: PixelSNAIL, n: int, c: Tensor | None):
        sides = model.height, model.breadth
        self.enter, self.leave = (conv.run(n, sides[1]) for conv in (model.enter, model.leave))
        self.blocks = [
            (
                [residual.run(n, sides, c) for residual in block.residuals],
                block.attention.run(n, sides),
            )
            for block in model.blocks
        ]
        self.pixel: list[Tensor] = [self.enter.row] * model.channels

    def next_row(self) -> None:
        self.enter.next_row()
        for residuals, attention in self.blocks:
            for residual in residuals:
                residual.next_row()
            attention.next_row()

    def parameters(self, column: int, group: int) -> Tensor:
        h = self.enter.at(column, group)
        for residuals, attention in self.blocks:
            for residual in residuals:
                h = residual.at(h, column, group)
            h = attention.at(h, column, group)
        return elu_through(self.leave, h, column, group)

    def see(self, column: int, group: int, features: Tensor) -> None:
        self.enter.slot(column, group).copy_(features)
        self.pixel[group] = features
        if group == len(self.pixel) - 1:
            whole = torch.cat(self.pixel)
            for _, attention in self.blocks:
                attention.see(column, whole)


@example(data="bars?height=2")
def pixelsnail() -> PixelSNAIL:
    """One block on tiny images: the density can be summed."""
    return PixelSNAIL(Pixels(1, 2, 4, levels=2), width=12, blocks=1, layers=1, keys=4)


system(
    "pixelsnail",
    lecture=2,
    title="PixelSNAIL: causal convolutions and attention",
    paper="https://arxiv.org/abs/1712.09763",
)
