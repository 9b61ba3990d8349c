"""Convolutional pyramids between images and vectors, for any image size.

The sides are halved (rounded up) until the smaller is at most 4: 8 -> 4, 28 -> 14 -> 7 -> 4,
32 -> 16 -> 8 -> 4. There is no normalisation over the batch, so that a critic may use them. What
they are told is added to the features after every layer.
"""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional as F

from ..core.blueprint import Component
from ..core.spaces import count
from .told import Shifts, check_context


def pyramid(height: int, width: int, least: int = 4) -> list[tuple[int, int]]:
    """The sizes of an image that is halved until its smaller side is at most `least`.

    >>> pyramid(28, 28)
    [(28, 28), (14, 14), (7, 7), (4, 4)]
    """
    sizes = [(height, width)]
    while min(sizes[-1]) > least:
        sizes.append(((sizes[-1][0] + 1) // 2, (sizes[-1][1] + 1) // 2))
    return sizes


class ConvEncoder(Component):
    """Images (batch, *shape) to vectors (batch, outputs); channels double as sides halve.

    Args:
        shape: (channels, height, width).
        outputs: length of the vectors.
        width: channels at full size.
        context: length of the vector c that it is told; 0 is none.
    """

    def __init__(
        self, shape: tuple[int, int, int], outputs: int, width: int = 32, context: int = 0
    ):
        super().__init__()
        channels, height, breadth = shape
        sizes = pyramid(height, breadth)
        widths = [width * 2**i for i in range(len(sizes))]
        self.enter = nn.Conv2d(channels, width, 3, padding=1)
        pairs = pairwise(widths)
        self.down = nn.ModuleList(nn.Conv2d(a, b, 3, stride=2, padding=1) for a, b in pairs)
        self.leave = nn.Linear(widths[-1] * sizes[-1][0] * sizes[-1][1], outputs)
        self.context = count("context", context, 0)
        self.shifts = Shifts(context, widths)

    def forward(self, x: Tensor, c: Tensor | None = None) -> Tensor:
        """The vectors for the float images `x`, told `c` (batch, context)."""
        c = check_context(c, self.context, "ConvEncoder")
        h = self.shifts.add(0, self.enter(x), c)
        for layer, down in enumerate(self.down, 1):
            h = self.shifts.add(layer, down(F.silu(h)), c)
        return self.leave(F.silu(h).flatten(1))


class ConvDecoder(Component):
    """Vectors (batch, inputs) to images (batch, *shape): the encoder's sizes the other way.

    Args:
        inputs: length of the vectors.
        shape: (channels, height, width); the channels are what the head needs.
        width: channels at full size.
        context: length of the vector c that it is told; 0 is none.
    """

    def __init__(self, inputs: int, shape: tuple[int, int, int], width: int = 32, context: int = 0):
        super().__init__()
        channels, height, breadth = shape
        self.sizes = pyramid(height, breadth)[::-1]
        widths = [width * 2**i for i in range(len(self.sizes))][::-1]
        self.enter = nn.Linear(inputs, widths[0] * self.sizes[0][0] * self.sizes[0][1])
        pairs = pairwise(widths)
        self.up = nn.ModuleList(nn.Conv2d(a, b, 3, padding=1) for a, b in pairs)
        self.leave = nn.Conv2d(widths[-1], channels, 3, padding=1)
        self.context = count("context", context, 0)
        self.shifts = Shifts(context, widths)

    def forward(self, z: Tensor, c: Tensor | None = None) -> Tensor:
        """The float images for the vectors `z`, told `c` (batch, context)."""
        c = check_context(c, self.context, "ConvDecoder")
        h = self.shifts.add(0, self.enter(z).unflatten(1, (-1, *self.sizes[0])), c)
        for layer, (up, size) in enumerate(zip(self.up, self.sizes[1:]), 1):
            h = self.shifts.add(layer, up(F.interpolate(F.silu(h), size)), c)
        return self.leave(F.silu(h))
