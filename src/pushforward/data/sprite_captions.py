"""Sprites with captions: "a small red heart at the top left", in many wordings.

    image = sprite(shape, size, colour, place),    caption = wording(shape, size, colour, place)

What a caption says is known, so that a picture drawn for it can be judged. Captions are held out
*by combination*: the four things that a test caption says never occur together in training, each
pair of them does. A model that has only learned its captions by heart fails.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..core.dataset import Batch, Dataset, Factor, Split
from ..core.spaces import Pixels, count
from .captions import Captions, article
from .drawn_sprites import SHAPES, Drawing, drawing, positions_of
from .specs import findable
from .splits import shuffled, sizes

VERSION = 1  # raised when wordings change
SAID = {
    "square": ("square", "box"),
    "ellipse": ("ellipse", "oval"),
    "heart": ("heart",),
    "small": ("small", "little", "tiny"),
    "medium": ("medium", "medium-sized"),
    "large": ("large", "big", "huge"),
}
COLOURS = ("white", "red", "green", "blue", "yellow", "magenta", "cyan")
SIZES = ("small", "medium", "large")
ROWS, COLUMNS = ("top", "middle", "bottom"), ("left", "middle", "right")
HIGH = {"top": "upper", "bottom": "lower"}
WORDINGS = (
    "{a} {size} {colour} {shape} {place}",
    "{place}: {a} {size} {colour} {shape}",
    "{place} there is {a} {size} {colour} {shape}",
    "{a} {size} {shape} in {colour} {place}",
    "{a} {colour} {shape}, {size}, {place}",
    "there is {a} {colour} {shape} {place}, and it is {size}",
    "the picture shows {a} {size} {colour} {shape} {place}",
)
FACTORS = (
    Factor("shape", len(SHAPES), ordered=False),
    Factor("size", len(SIZES)),
    Factor("colour", len(COLOURS), ordered=False),
    Factor("x", len(COLUMNS)),
    Factor("y", len(ROWS)),
)
VALUES = (tuple(SHAPES), SIZES, COLOURS, COLUMNS, ROWS)


def places(row: str, column: str) -> tuple[str, ...]:
    """The ways to say where.

    >>> places("top", "left")
    ('at the top left', 'in the top left corner', 'in the upper left corner')
    """
    if row == column == "middle":
        return "in the middle", "in the centre", "at the centre"
    if row == "middle":
        return f"on the {column}", f"at the {column}", f"on the {column} side"
    if column == "middle":
        return f"at the {row}", f"at the {row} in the middle", f"in the {row} centre"
    high = HIGH[row]
    corner = f"{column} corner"
    return f"at the {row} {column}", f"in the {row} {corner}", f"in the {high} {corner}"


def caption(values: tuple[int, ...], draw: np.random.RandomState) -> str:
    """One of the sentences that say a shape, size, colour, column and row, all as numbers."""
    shape, size, colour, column, row = (names[v] for names, v in zip(VALUES, values))

    def one(ways: tuple[str, ...]) -> str:
        return ways[draw.randint(len(ways))]

    said = {"shape": one(SAID[shape]), "size": one(SAID[size]), "colour": colour}
    wording = one(WORDINGS)
    first = wording.split("{a} {")[1].split("}")[0]
    return wording.format(a=article(said[first]), place=one(places(row, column)), **said)


@findable("captioned_sprites")
def captioned_sprites(
    size: int = 32,
    colours: int = 7,
    levels: int = 256,
    wordings: int = 4,
    words: int = 400,
    length: int = 24,
    seed: int = 0,
) -> Dataset:
    """A square, ellipse or heart on black, small to large, in one of nine places, with captions.

    Pixels(3, size, size, levels) beside Tokens(length, ...): a byte pair encoding learned on the
    captions of the train split, which stands in `origin["captions"]`. A place leaves a sprite some
    pixels of room, so that there are many images of a combination, each of them with `wordings`
    captions.
    A tenth of the combinations validates, a tenth tests; `factors` of the splits are shape, size,
    colour, x (from the left) and y (from the top), (n, 5).

    Args:
        size: pixels on a side, a multiple of 4.
        colours: 1 to 7, of which the first is white.
        levels: of brightness.
        wordings: captions for each image.
        words: tokens of the byte pair encoding, of which 256 are the bytes.
        length: tokens of a caption at most.
        seed: of wordings, and of what is held out.

    Raises:
        ValueError: for numbers out of these ranges, captions that are longer than `length`, or
            where the library `tokenizers` is not installed.
    """
    if count("colours", colours) > len(COLOURS):
        raise ValueError(f"colours must be at most {len(COLOURS)}, not {colours}")
    space = Pixels(3, size, size, count("levels", levels, 2))
    view = Captioned(drawing(space, (3, len(SIZES), 1, size // 2, size // 2, colours), False))
    told = _combinations(colours, seed)
    rooms = rooms_of(size)
    draw = np.random.RandomState(seed)
    drawn = [_images(part, rooms, count("wordings", wordings), draw) for part in told]
    captions = Captions.learned([said for _, _, said in drawn], "bpe", length, words)
    train, validation, test = (
        Split((torch.from_numpy(x), tokens), view, torch.from_numpy(factors))
        for (x, factors, _), tokens in zip(drawn, captions.tokens)
    )
    origin = {
        "source": "pushforward.data.captioned_sprites",
        "version": VERSION,
        "size": size,
        "levels": levels,
        "seed": seed,
        "split": "by combination of shape, size, colour and place: 0.1 validates, 0.1 tests",
        **captions.record(),
    }
    factors = (*FACTORS[:2], Factor("colour", colours, ordered=False), *FACTORS[3:])
    named: dict[str, Any] = {"factors": factors, "given": captions.space}
    return Dataset("captioned_sprites", space, train, validation, test, origin, **named)


@dataclass(frozen=True)
class Captioned:
    """The view that draws sprites of factors (batch, 6), and shows captions as they are."""

    draw: Drawing

    def __call__(self, factors: Tensor, tokens: Tensor) -> Batch:
        """x uint8 (batch, 3, size, size), and tokens int64 (batch, length)."""
        return (*self.draw(factors), tokens)


def rooms_of(size: int) -> list[range]:
    """The positions of a sprite at the left (top), in the middle, and at the right (bottom).

    >>> rooms_of(32)
    [range(0, 4), range(6, 10), range(12, 16)]
    """
    most, room = positions_of(size), max(1, size // 8)
    return [range(at, at + room) for at in (0, (most - room) // 2, most - room)]


def _combinations(colours: int, seed: int) -> list[np.ndarray]:
    """All combinations (n, 5) in three parts, which share none."""
    values = [range(n) for n in (len(SHAPES), len(SIZES), colours, len(COLUMNS), len(ROWS))]
    every = np.array(list(itertools.product(*values)), np.uint8)
    edges = np.cumsum(sizes("captioned sprites", len(every)))[:-1]
    return np.split(every[shuffled(len(every), seed)], edges)


def _images(
    combinations: np.ndarray, rooms: list[range], wordings: int, draw: np.random.RandomState
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Factors as sprites are drawn by (n, 6), those that are told (n, 5), and captions."""
    drawn, told = [], []
    for shape, size, colour, column, row in combinations.tolist():
        for x, y in itertools.product(rooms[column], rooms[row]):
            drawn += [(shape, size, 0, x, y, colour)] * wordings
            told += [(shape, size, colour, column, row)] * wordings
    order = draw.permutation(len(drawn))
    factors = np.array(told, np.uint8)[order]
    said = [caption(tuple(values), draw) for values in factors.tolist()]
    return np.array(drawn, np.uint8)[order], factors, said
