"""What the convolutional models of pixels share: features in, parameters out, row by row.

A network maps features of the image (batch, channels * size, height, width) to parameters (batch,
channels * outputs, height, width), those of channel g from what is before it in raster order. The
same network can be run along the rows, one channel of one pixel at a time.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from ...core.spaces import Pixels, Space, count
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


class Raster(Factorised):
    """A density over Pixels by a masked convolutional network, with the space's own head.

    A pixel value enters as a number in [-1, 1] or, with `embedding` > 0, as a learned vector of
    that length. `context` features at every pixel may condition it instead of classes. Raises
    ValueError for other spaces.
    """

    space: Pixels

    def __init__(self, space: Space, classes: int = 0, embedding: int = 0, context: int = 0):
        if not isinstance(space, Pixels):
            raise ValueError(f"{type(self).__name__} models Pixels, not {space}")
        shape = (context, *space.shape[1:]) if count("context", context, 0) else ()
        super().__init__(space, head_for(space), classes, shape)
        self.size = count("embedding", embedding, 0) or 1
        self.embedding = nn.Embedding(space.levels, embedding) if embedding else None

    @abstractmethod
    def network(self, features: Tensor, y: Tensor | None) -> Tensor:
        """Parameters (batch, channels * outputs, height, width)."""

    @abstractmethod
    def run_rows(self, n: int, y: Tensor | None) -> RasterRun:
        """The network, one channel of one pixel at a time."""

    def features(self, x: Tensor) -> Tensor:
        """What the network sees of images, (batch, channels * size, height, width)."""
        if self.embedding is None:
            return self.space.to_signed(x, self.dtype)
        return self.embedding(x.long()).movedim(-1, 2).flatten(1, 2)

    def features_of(self, values: Tensor) -> Tensor:
        """The features (size, n) of `n` pixel values: `features` of a number, as samplers ask."""
        if self.embedding is None:
            return self.space.to_signed(values, self.dtype)[None]
        return self.embedding(values.long()).t()

    def conditionals(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Parameters (batch, dims, outputs) in raster order: row i sees only x before i."""
        found = self.network(self.features(x), y)
        found = found.unflatten(1, (self.space.channels, self.head.outputs))
        return found.permute(0, 3, 4, 1, 2).flatten(1, 3)

    def run(self, n: int, y: Tensor | None) -> Run:
        """Sampling with every feature of every pixel computed once."""
        return _Walk(self, n, y)


class _Walk(Run):
    """Along the rows, and at each pixel over its channels."""

    def __init__(self, model: Raster, n: int, y: Tensor | None):
        self.model, self.rows = model, model.run_rows(n, y)
        self.channels, self.width = model.space.channels, model.space.width

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
    space = model.space
    for name, place, size in zip(("channel", "row", "column"), (channel, row, column), space.shape):
        if not 0 <= place < size:
            raise ValueError(f"{name} must be in 0 .. {size - 1}, not {place!r}")
    x = torch.randint(space.levels, (probes, *space.shape), device=model.device).to(torch.uint8)
    y = torch.arange(probes, device=model.device) % model.classes if model.classes else None
    if model.context:
        y = torch.randn(probes, *model.context, device=model.device, dtype=model.dtype)
    features = model.features(x).detach().requires_grad_()
    found = model.network(features, y).unflatten(1, (space.channels, -1))
    gradient = torch.autograd.grad(found[:, channel, :, row, column].sum(), features)[0]
    return gradient.abs().unflatten(1, (space.channels, -1)).mean((0, 2))
