"""How a coupling takes a datum apart: into what is copied and what is moved.

    halves       along the channels (or features): the first half is copied
    alternate    the even features are copied, the odd ones moved
    checkerboard the black squares of an image are copied, the white ones moved

`flip` swaps the two. Both parts are dense: a checkerboard's squares are packed into an image of
half the width, so that no convolution works on zeros. A square's four neighbours stay within reach
of a 3x3 kernel.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from ...core.blueprint import Component


class Split(Component, ABC):
    """A way to take a batch apart into (copied, moved) and to put it together again."""

    def __init__(self, flip: bool = False):
        super().__init__()
        self.flip = flip

    @abstractmethod
    def _parts(self, x: Tensor) -> tuple[Tensor, Tensor]: ...

    @abstractmethod
    def _whole(self, first: Tensor, second: Tensor) -> Tensor: ...

    def apart(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The copied and the moved part of `x`."""
        first, second = self._parts(x)
        return (second, first) if self.flip else (first, second)

    def join(self, copied: Tensor, moved: Tensor) -> Tensor:
        """What `apart` took apart."""
        return self._whole(moved, copied) if self.flip else self._whole(copied, moved)

    def sizes(self, channels: int) -> tuple[int, int]:
        """How many channels the copied and the moved part have."""
        copied, moved = self.apart(torch.empty(1, channels, 2, 2))
        return copied.shape[1], moved.shape[1]


class Halves(Split):
    """The first half of the channels and the rest; the first is larger where they are odd."""

    def _parts(self, x: Tensor) -> tuple[Tensor, Tensor]:
        half = (x.shape[1] + 1) // 2
        first, second = x.split([half, x.shape[1] - half], 1)  # its gradient is one `cat`
        return first, second

    def _whole(self, first: Tensor, second: Tensor) -> Tensor:
        return torch.cat([first, second], 1)


class Alternate(Split):
    """The even channels and the odd ones."""

    def _parts(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return x[:, ::2], x[:, 1::2]

    def _whole(self, first: Tensor, second: Tensor) -> Tensor:
        paired = second.shape[1]
        mixed = torch.stack([first[:, :paired], second], 2).flatten(1, 2)
        return torch.cat([mixed, first[:, paired:]], 1)


class Checkerboard(Split):
    """The black and the white squares of images (batch, c, h, w), each packed to (.., h, w / 2)."""

    def _parts(self, x: Tensor) -> tuple[Tensor, Tensor]:
        if x.shape[2] % 2 or x.shape[3] % 2:
            raise ValueError(
                f"a checkerboard needs even sides, not {x.shape[2]}x{x.shape[3]}: pad or crop"
            )
        tiles = x.unflatten(3, (-1, 2)).unflatten(2, (-1, 2))  # (b, c, h/2, 2, w/2, 2)
        black = torch.stack([tiles[:, :, :, 0, :, 0], tiles[:, :, :, 1, :, 1]], 3)
        white = torch.stack([tiles[:, :, :, 0, :, 1], tiles[:, :, :, 1, :, 0]], 3)
        return black.flatten(2, 3), white.flatten(2, 3)

    def _whole(self, first: Tensor, second: Tensor) -> Tensor:
        black, white = (t.unflatten(2, (-1, 2)) for t in (first, second))  # (b, c, h/2, 2, w/2)
        even = torch.stack([black[:, :, :, 0], white[:, :, :, 0]], -1)
        odd = torch.stack([white[:, :, :, 1], black[:, :, :, 1]], -1)
        return torch.stack([even, odd], 3).flatten(4, 5).flatten(2, 3)
