"""Causal gated residuals, and causal attention to all pixels before: the blocks of PixelSNAIL.

    residual     h + a o sigma(b),    (a, b) = conv(elu(conv(elu(h)) + 1x1(elu(more)))) + V y
    attention    o_i = sum_j e_ij v_j / (1 + sum_j e_ij),    e_ij = exp(q_i k_j / sqrt(d)),  j < i

A convolution sees near pixels well and far ones through many layers; attention sees all of them at
once. A key and a value are made of all that lies at a pixel, what was drawn there included, so that
only pixels before may be read; a query of what is known before its value is drawn. Where it lies is
told to both. With channels, each has a query of its own, and the channels of a pixel before are
read together.

The 1 stands for a place before the first pixel with key and value zero: the first pixel finds it
alone, and whoever finds nothing of use may look there.

PixelSNAIL: An Improved Autoregressive Generative Model (Chen, Mishra, Rohaninejad & Abbeel, 2018),
arXiv:1712.09763, section 3, figures 2-3.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..core.blueprint import Component
from .attention import Memory
from .conditions import everywhere
from .masked_conv import MaskedConv, RowRun


class GatedResidual(Component):
    """(batch, width, height, width) -> the same shape.

    Args:
        width: features, a multiple of `groups`.
        reach: rows above and columns to each side that both convolutions see.
        groups: of features, in order.
        context: length of a vector (batch, context), or features of a map, to condition on; 0 is
            none.
        more: further features that are looked at, in as many groups; 0 is none.
        dropout: in training.
    """

    def __init__(
        self,
        width: int,
        reach: int = 0,
        groups: int = 1,
        context: int = 0,
        more: int = 0,
        dropout: float = 0.0,
    ):
        super().__init__()
        self.groups, self.dropout = groups, dropout
        self.look = MaskedConv(width, width, reach, reach, groups)
        self.join = MaskedConv(more, width, groups=groups) if more else None
        self.widen = MaskedConv(width, 2 * width, reach, reach, groups)
        self.told = nn.Conv2d(context, 2 * width, 1, bias=False) if context else None

    def forward(self, h: Tensor, c: Tensor | None = None, more: Tensor | None = None) -> Tensor:
        """The features after this block."""
        inner = self.look(F.elu(h))
        if self.join is not None:
            inner = inner + self.join(F.elu(more))  # type: ignore[arg-type]
        found = self.widen(F.dropout(F.elu(inner), self.dropout, self.training))
        if self.told is not None:
            found = found + self.told(everywhere(c))  # type: ignore[arg-type]
        return h + F.glu(found.unflatten(1, (self.groups, -1)), 2).flatten(1, 2)

    def run(self, n: int, sides: tuple[int, int], c: Tensor | None = None) -> ResidualRun:
        """The same block, one channel of one pixel at a time, over images (height, width)."""
        return ResidualRun(self, n, sides, c)


class ResidualRun:
    """A `GatedResidual` under way along the rows of `n` images."""

    def __init__(self, block: GatedResidual, n: int, sides: tuple[int, int], c: Tensor | None):
        self.look, self.widen = (conv.run(n, sides[1]) for conv in (block.look, block.widen))
        self.join = None if block.join is None else block.join.run(n, sides[1])
        self.told, self.row = None, -1
        if block.told is not None:
            told = block.told(everywhere(c))  # type: ignore[arg-type]
            self.told = told.expand(-1, -1, *sides).permute(2, 3, 1, 0)
        self.groups = block.groups

    def next_row(self) -> None:
        """Moves on to the next row; the first call enters the first."""
        self.row += 1
        self.look.next_row()
        self.widen.next_row()

    def at(self, h: Tensor, column: int, group: int, more: Tensor | None = None) -> Tensor:
        """The block at a channel of a pixel of this row, of features (features, n) there."""
        inner = elu_through(self.look, h, column, group)
        if self.join is not None:
            inner = inner + elu_through(self.join, more, column, group)  # type: ignore[arg-type]
        found = elu_through(self.widen, inner, column, group)
        if self.told is not None:
            found = found + self.told[self.row, column].chunk(self.groups)[group]
        return h + F.glu(found, 0)


class PastAttention(Component):
    """Features (batch, width, height, width), beside the image's, to features of the same shape.

    Args:
        inputs: features of the image, of all its channels.
        width: features, a multiple of `groups`.
        keys: features of a key, a query and a value.
        groups: of features, in order.
        dropout: in training.
    """

    def __init__(
        self, inputs: int, width: int, keys: int = 32, groups: int = 1, dropout: float = 0.0
    ):
        super().__init__()
        self.groups, self.keys = groups, keys
        content, asking = inputs + width + 2, width + 2 * groups
        self.content = GatedResidual(content, dropout=dropout)
        self.remember = MaskedConv(content, 2 * keys)
        self.question = GatedResidual(asking, groups=groups, dropout=dropout)
        self.ask = MaskedConv(asking, groups * keys, groups=groups)
        self.merge = GatedResidual(width, groups=groups, more=groups * keys, dropout=dropout)

    def forward(self, h: Tensor, seen: Tensor) -> Tensor:
        """`h`, and what it finds before each pixel; `seen` are the features of the image."""
        places = background(h.shape[2], h.shape[3], h).expand(len(h), -1, -1, -1)
        known = self.remember(self.content(torch.cat([seen, h, places], 1)))
        keys, values = (late(t, self.groups) for t in known.flatten(2).mT.chunk(2, -1))
        asked = self.ask(self.question(in_each(h, places, self.groups)))
        queries = asked.flatten(2).unflatten(1, (self.groups, -1)).mT
        found = F.scaled_dot_product_attention(queries, keys, values, is_causal=True)
        return self.merge(h, more=found.mT.flatten(1, 2).unflatten(2, h.shape[2:]))

    def run(self, n: int, sides: tuple[int, int]) -> AttentionRun:
        """The same block, one channel of one pixel at a time, over images (height, width)."""
        return AttentionRun(self, n, sides)


class AttentionRun:
    """A `PastAttention` under way: keys and values of the pixels before are kept."""

    def __init__(self, block: PastAttention, n: int, sides: tuple[int, int]):
        like = block.ask.bias()
        self.content, self.question, self.merge = (
            part.run(n, sides) for part in (block.content, block.question, block.merge)
        )
        self.remember, self.ask = (conv.run(n, sides[1]) for conv in (block.remember, block.ask))
        self.places = background(*sides, like)[0].permute(1, 2, 0)[..., None].expand(-1, -1, -1, n)
        self.memory = Memory(like, n, 1, sides[0] * sides[1] + 1, block.keys)
        self.memory.seen = 1  # the place before the first pixel: zeros
        self.h: list[Tensor] = [like] * block.groups
        self.row = -1

    def next_row(self) -> None:
        """Moves on to the next row; the first call enters the first."""
        self.row += 1

    def at(self, h: Tensor, column: int, group: int) -> Tensor:
        """The block at a channel of a pixel of this row, of features (features, n) there."""
        self.h[group] = h
        asked = self.question.at(torch.cat([h, self.places[self.row, column]]), column, group)
        query = through(self.ask, asked, column, group).t()[:, None, None]
        seen, memory = self.memory.seen, self.memory
        found = F.scaled_dot_product_attention(
            query, memory.keys[:, :, :seen], memory.values[:, :, :seen]
        )
        return self.merge.at(h, column, group, found[:, 0, 0].t())

    def see(self, column: int, features: Tensor) -> None:
        """Takes the features (inputs, n) of a pixel, once all its channels are drawn."""
        told = torch.cat([features, *self.h, self.places[self.row, column]])
        known = through(self.remember, self.content.at(told, column, 0), column, 0)
        self.memory.append(*known.t()[:, None, None].chunk(2, -1))


def background(height: int, width: int, like: Tensor) -> Tensor:
    """Where each pixel lies, (1, 2, height, width): its row and its column, from -1/2 to 1/2."""
    rows, columns = (torch.arange(n).to(like) / n - 0.5 for n in (height, width))
    return torch.stack(torch.meshgrid(rows, columns, indexing="ij"))[None]


def in_each(h: Tensor, places: Tensor, groups: int) -> Tensor:
    """Features (batch, width, ...) with the places beside those of every group."""
    shared = places[:, None].expand(-1, groups, -1, -1, -1)
    return torch.cat([h.unflatten(1, (groups, -1)), shared], 2).flatten(1, 2)


def late(t: Tensor, groups: int) -> Tensor:
    """(batch, pixels, features) one pixel later, zeros first, for each of the groups."""
    return F.pad(t[:, :-1], (0, 0, 1, 0))[:, None].expand(-1, groups, -1, -1)


def through(run: RowRun, h: Tensor, column: int, group: int) -> Tensor:
    """The convolution of `h` at one pixel, of features (features, n) known so far."""
    run.slot(column, group).copy_(h)
    return run.at(column, group)


def elu_through(run: RowRun, h: Tensor, column: int, group: int) -> Tensor:
    """The convolution of elu(h) at one pixel, of features (features, n) known so far."""
    return through(run, F.elu(h), column, group)
