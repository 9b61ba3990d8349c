"""What a picture of a sprite shows: the drawing, of all that can be drawn, that is nearest to it.

    argmin_{shape, size, colour, x, y} |image - sprite(shape, size, colour, x, y)|^2

No network has learned this judge, and of undisturbed sprites it is right always.
"""

from __future__ import annotations

import functools
import itertools

import torch
from torch import Tensor

from ..core.spaces import Pixels
from .drawn_sprites import SHAPES, drawing, positions_of
from .sprite_captions import COLOURS, SIZES, rooms_of

ROWS = 64  # images at a time


def factors_of(images: Tensor, levels: int = 256) -> Tensor:
    """Shape, size, colour, column and row of captioned sprites, int64 (n, 5).

    Args:
        images: uint8 (n, 3, size, size).
        levels: of brightness.
    """
    channels, height, width = images.shape[1:]
    space = Pixels(channels, height, width, levels)
    space.check(images)
    found = [_nearest(part.float(), space) for part in images.split(ROWS)]
    return torch.cat(found) if found else torch.zeros(0, 5, dtype=torch.int64)


def _nearest(x: Tensor, space: Pixels) -> Tensor:
    grey, inks, told = _drawn(space)
    coloured = torch.einsum("kc,nchw->nkhw", inks, x).flatten(2)
    # |x - ink * g|^2 without |x|^2, which all share: (n, colours, sprites)
    gap = inks.sum(1)[:, None] * grey.square().sum(1) - 2 * coloured @ grey.T
    best = gap.flatten(1).argmin(1)
    colour, sprite = best // len(grey), best % len(grey)
    shape, size, column, row = told[sprite].unbind(1)
    return torch.stack([shape, size, colour, column, row], 1)


@functools.lru_cache(4)
def _drawn(space: Pixels) -> tuple[Tensor, Tensor, Tensor]:
    """Every sprite in white (sprites, pixels), the inks, and shape, size, column, row of each."""
    places = positions_of(space.height)
    grid = (len(SHAPES), len(SIZES), 1, places, places, len(COLOURS))
    view = drawing(space, grid, False)
    combinations = itertools.product(*map(range, (len(SHAPES), len(SIZES), places, places)))
    every = torch.tensor([(a, b, 0, x, y, 0) for a, b, x, y in combinations])
    (grey,) = view(every)
    third = torch.tensor([_room(at, space.height) for at in range(places)])
    told = torch.stack([every[:, 0], every[:, 1], third[every[:, 3]], third[every[:, 4]]], 1)
    return grey[:, 0].flatten(1).float(), view.inks.float(), told


def _room(at: int, size: int) -> int:
    """Which of the three places a position is nearest to."""
    middles = [(room[0] + room[-1]) / 2 for room in rooms_of(size)]
    return min(range(3), key=lambda place: abs(at - middles[place]))
