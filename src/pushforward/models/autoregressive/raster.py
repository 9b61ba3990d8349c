"""What the convolutional models of pixels share: features in, parameters out, row by row.

A network maps features of the image (batch, channels * size, height, width) to parameters (batch,
channels * outputs, height, width), those of channel g from what is before it in raster order. The
same network can be run along the rows, one channel of one pixel at a time.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from ...core.given import spaces_of, told
from ...core.spaces import Labels, Pixels, Space, Tokens, count
from ...probability.heads import head_for
from .factorised import Factorised, Run


class RasterRun(ABC):
    """A network under way along the rows; numbers at a pixel are (features, n)."""

    @abstractmethod
    def next_row(self) -> None:
        """Moves on to the next row; the first call enters the first."""

    @abstractmethod
    def parameters(self, column: int, group: int) -> Tensor:
        """The parameters (outputs, n) of a channel of a pixel."""

    @abstractmethod
    def see(self, column: int, group: int, features: Tensor) -> None:
        """Takes the features (size, n) of a channel of a pixel."""


CODES = 16  # length of the vectors that stand for codes, where none is given


class Raster(Factorised):
    """A density over images, or over grids of tokens, by a masked convolutional network.

    A pixel value enters as a number in [-1, 1] or, with `embedding` > 0, as a learned vector of
    that length; a token, whose number means nothing, always as a vector. Raises ValueError for
    other spaces.

    Args:
        space: Pixels, or Tokens of a grid (height, width).
        classes: number of labels to condition on; 0 is none.
        embedding: length of the learned vectors.
        context: shape of the floats to condition on; () is none.
    """

    space: Pixels | Tokens

    def __init__(
        self, space: Space, classes: int = 0, embedding: int = 0, context: tuple[int, ...] = ()
    ):
        self.channels, self.height, self.breadth, levels = image_of(space, type(self).__name__)
        super().__init__(space, head_for(space), told(classes, context))
        least = CODES if isinstance(space, Tokens) else 0
        vectors = count("embedding", embedding, 0) or least
        self.size = vectors or 1
        self.embedding = nn.Embedding(levels, vectors) if vectors else None

    @abstractmethod
    def network(self, features: Tensor, c: Tensor | None) -> Tensor:
        """Parameters (batch, channels * outputs, height, width), given the vector or map `c`."""

    @abstractmethod
    def run_rows(self, n: int, c: Tensor | None) -> RasterRun:
        """The network, one channel of one pixel at a time."""

    def features(self, x: Tensor) -> Tensor:
        """What the network sees of images, (batch, channels * size, height, width)."""
        if self.embedding is None:
            return self.space.to_signed(x, self.dtype)  # type: ignore[union-attr]
        values = x.long().view(len(x), self.channels, self.height, self.breadth)
        return self.embedding(values).movedim(-1, 2).flatten(1, 2)

    def features_of(self, values: Tensor) -> Tensor:
        """The features (size, n) of `n` pixel values: `features` of a number, as samplers ask."""
        if self.embedding is None:
            return self.space.to_signed(values, self.dtype)[None]  # type: ignore[union-attr]
        return self.embedding(values.long()).t()

    def conditionals(self, x: Tensor, *conditions: Tensor) -> Tensor:
        """Parameters (batch, dims, outputs) in raster order: row i sees only x before i."""
        found = self.network(self.features(x), self.vector(*conditions))
        found = found.unflatten(1, (self.channels, self.head.outputs))
        return found.permute(0, 3, 4, 1, 2).flatten(1, 3)

    def run(self, n: int, *conditions: Tensor) -> Run:
        """Sampling with every feature of every pixel computed once."""
        return _Walk(self, n, self.vector(*conditions))


class _Walk(Run):
    """Along the rows, and at each pixel over its channels."""

    def __init__(self, model: Raster, n: int, c: Tensor | None):
        self.model, self.rows = model, model.run_rows(n, c)
        self.channels, self.width = model.channels, model.breadth

    def parameters(self, i: int) -> Tensor:
        column, group = self._place(i)
        if column == group == 0:
            self.rows.next_row()
        return self.rows.parameters(column, group).t()

    def know(self, i: int, values: Tensor) -> None:
        column, group = self._place(i)
        self.rows.see(column, group, self.model.features_of(values))

    def _place(self, i: int) -> tuple[int, int]:
        pixel, group = divmod(i, self.channels)
        return pixel % self.width, group


def receptive_field(
    model: Raster, row: int, column: int, channel: int = 0, probes: int = 16
) -> Tensor:
    """How strongly each pixel moves what is predicted at one, (channels, height, width).

    The mean size of the gradient of the parameters at (channel, row, column) by the features of
    every pixel, over random images: zero exactly where nothing is seen. Raises ValueError where the
    pixel lies outside.
    """
    shape = (model.channels, model.height, model.breadth)
    for name, place, size in zip(("channel", "row", "column"), (channel, row, column), shape):
        if not 0 <= place < size:
            raise ValueError(f"{name} must be in 0 .. {size - 1}, not {place!r}")
    levels = image_of(model.space, type(model).__name__)[3]
    x = torch.randint(levels, (probes, *model.space.shape), device=model.device)
    features = model.features(x).detach().requires_grad_()
    found = model.network(features, model.vector(*_some(model, probes)))
    found = found.unflatten(1, (model.channels, -1))
    gradient = torch.autograd.grad(found[:, channel, :, row, column].sum(), features)[0]
    return gradient.abs().unflatten(1, (model.channels, -1)).mean((0, 2))


def _some(model: Raster, n: int) -> list[Tensor]:
    """Some conditions: labels in turn, noise for vectors and maps."""
    options: dict = {"device": model.device, "dtype": model.dtype}
    return [
        torch.arange(n, device=model.device) % space.classes
        if isinstance(space, Labels)
        else torch.randn(n, *space.shape, **options)
        for space in spaces_of(model.given)
    ]


def map_or_vector(context: int | tuple[int], height: int, breadth: int) -> tuple[int, ...]:
    """The shape of a map of `context` features at every pixel, of a vector (length,), () for 0."""
    if isinstance(context, tuple):
        return context
    return (context, height, breadth) if count("context", context, 0) else ()


def image_of(space: Space, who: str) -> tuple[int, int, int, int]:
    """Channels, height, width and levels of images, or of grids of tokens; else ValueError."""
    if isinstance(space, Pixels):
        return (*space.shape, space.levels)
    if isinstance(space, Tokens) and len(space.grid) == 2:
        return 1, *space.grid, space.vocabulary
    wish = ": give them a grid, Tokens((height, width), vocabulary)"
    raise ValueError(
        f"{who} models Pixels or grids of Tokens, not {space}"
        + (wish if isinstance(space, Tokens) else "")
    )
