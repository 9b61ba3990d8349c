"""Residual convolutional encoders and decoders between images and grids of features.

The sides are halved (rounded up) `halvings` times, by strided convolutions, and doubled again by
nearest-neighbour interpolation: 8 -> 4 -> 8 and 28 -> 14 -> 7 -> 14 -> 28 and 32 -> 16 -> 8 alike.
There is no normalisation over the batch. What they are told is added to the features on the grid,
before the residual blocks.
"""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional as F

from ..core.blueprint import Component
from ..core.spaces import count
from .told import Shifts, check_context


def halved(height: int, width: int, halvings: int) -> list[tuple[int, int]]:
    """The sizes of an image that is halved `halvings` times.

    >>> halved(28, 28, 2)
    [(28, 28), (14, 14), (7, 7)]
    """
    sizes = [(height, width)]
    for _ in range(count("halvings", halvings, 0)):
        sizes.append(((sizes[-1][0] + 1) // 2, (sizes[-1][1] + 1) // 2))
    return sizes


class Residual(nn.Module):
    """h + conv1x1(relu(conv3x3(relu(h))))."""

    def __init__(self, width: int):
        super().__init__()
        self.look = nn.Conv2d(width, width, 3, padding=1)
        self.mix = nn.Conv2d(width, width, 1)

    def forward(self, h: Tensor) -> Tensor:
        """Features of `h`'s shape."""
        return h + self.mix(F.relu(self.look(F.relu(h))))


class ResidualEncoder(Component):
    """Float images (batch, *shape) to features (batch, outputs, *grid).

    Args:
        shape: (channels, height, width).
        outputs: features in a cell of the grid.
        width: channels within.
        halvings: of the sides; `grid` is what is left of them.
        blocks: residual blocks on the grid.
        context: length of the vector c that it is told; 0 is none.
    """

    def __init__(
        self,
        shape: tuple[int, int, int],
        outputs: int,
        width: int = 128,
        halvings: int = 2,
        blocks: int = 2,
        context: int = 0,
    ):
        super().__init__()
        self.outputs, self.grid = outputs, halved(*shape[1:], halvings)[-1]
        self.enter = nn.Conv2d(shape[0], width, 3, padding=1)
        self.down = nn.ModuleList(
            nn.Conv2d(width, width, 3, stride=2, padding=1) for _ in range(halvings)
        )
        self.blocks = nn.Sequential(*(Residual(width) for _ in range(blocks)))
        self.leave = nn.Conv2d(width, outputs, 1)
        self.context = count("context", context, 0)
        self.shifts = Shifts(context, [width])

    def forward(self, x: Tensor, c: Tensor | None = None) -> Tensor:
        """The features for the images `x`, told `c` (batch, context)."""
        h = self.enter(x)
        for down in self.down:
            h = down(F.relu(h))
        h = self.shifts.add(0, h, check_context(c, self.context, "ResidualEncoder"))
        return self.leave(F.relu(self.blocks(h)))


class ResidualDecoder(Component):
    """Features (batch, inputs, *grid) to images (batch, *shape): the encoder the other way.

    Args:
        inputs: features in a cell of the grid.
        shape: (channels, height, width); the channels are what the head needs.
        width: channels within.
        halvings: of the sides, from `shape` to the grid.
        blocks: residual blocks on the grid.
        context: length of the vector c that it is told; 0 is none.
    """

    def __init__(
        self,
        inputs: int,
        shape: tuple[int, int, int],
        width: int = 128,
        halvings: int = 2,
        blocks: int = 2,
        context: int = 0,
    ):
        super().__init__()
        sizes = halved(*shape[1:], halvings)[::-1]
        self.sizes = [after for _, after in pairwise(sizes)]
        self.enter = nn.Conv2d(inputs, width, 3, padding=1)
        self.blocks = nn.Sequential(*(Residual(width) for _ in range(blocks)))
        self.up = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1) for _ in range(halvings))
        self.leave = nn.Conv2d(width, shape[0], 1)
        self.context = count("context", context, 0)
        self.shifts = Shifts(context, [width])

    def forward(self, h: Tensor, c: Tensor | None = None) -> Tensor:
        """The images for the features `h`, told `c` (batch, context)."""
        c = check_context(c, self.context, "ResidualDecoder")
        h = self.blocks(self.shifts.add(0, self.enter(h), c))
        for up, size in zip(self.up, self.sizes):
            h = up(F.interpolate(F.relu(h), size))
        return self.leave(F.relu(h))
