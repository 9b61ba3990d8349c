"""Sprites: images whose six factors are all known, for measuring what a code tells of them.

    image = colour * shape( R(-orientation) (pixel - place) / (scale size / 4) )

Every combination of the factors is there once. A sprite moves by whole pixels, so that all places
are windows of one template: 720 templates are drawn once, by averaging 8x8 points in a pixel, kept
in the cache, and every batch is cut from them when it is asked for. The full grid (2.2 million
images, 27 GB) takes 20 MB.

As dSprites (Matthey et al., 2017), which beta-VAE (Higgins et al., 2017) was measured on: 64x64,
3 shapes, 6 scales from 0.5 to 1, 40 orientations, 32x32 places.
Differs: edges are antialiased (`levels=2` makes them hard, as there), there are colours (one, which
is white, makes it dSprites' grid), and no orientation is there twice (there 0 and 2 pi both are).
As there, a square looks the same after a quarter of a turn, an ellipse after a half.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from ..core.dataset import Batch, Dataset, Factor
from ..core.spaces import Pixels, count
from .cache import rendered
from .specs import findable
from .splits import cut, shuffled, sizes

VERSION = 1  # raised when drawing changes, so that older templates are not used
SAMPLES = 8  # points across a pixel
# White, red, green, blue, yellow, magenta, cyan.
INKS = ((1, 1, 1), (1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 0), (1, 0, 1), (0, 1, 1))


@findable("sprites")
def sprites(
    size: int = 64,
    scales: int = 6,
    orientations: int = 40,
    positions: int | None = None,
    colours: int = 3,
    levels: int = 256,
    labels: bool = False,
    seed: int = 0,
) -> Dataset:
    """One square, ellipse or heart on black, in all combinations of six factors, shuffled; 80 %
    train, 10 % validate, 10 % test.

    Pixels(3, size, size, levels), with one channel where there is one colour. `factors` of the
    splits are shape, scale, orientation, x (from the left), y (from the top) and colour, (n, 6).

    Args:
        size: pixels on a side, a multiple of 4.
        scales, orientations: how many; fewer lie further apart over the same range.
        positions: in each direction, at most size / 2, which is what None takes.
        colours: 1 to 7, of which the first is white.
        levels: of brightness; 2 is black and white without grey edges.
        labels: whether the second tensor is the shape, int64.
        seed: of the order.

    Raises:
        ValueError: for a number out of these ranges.
    """
    grid = _grid(size, scales, orientations, positions, colours)
    space = Pixels(1 if colours == 1 else 3, size, size, count("levels", levels, 2))
    every = np.indices(grid, dtype=np.uint8).reshape(len(grid), -1).T
    factors = np.ascontiguousarray(every)[shuffled(len(every), seed)]
    view = drawing(space, grid, labels)
    parts = cut([torch.from_numpy(factors)], sizes("sprites", len(factors)))
    train, held, test = (replace(s, view=view, factors=s.tensors[0]) for s in parts)
    origin = {
        "source": "pushforward.data.sprites",
        "version": VERSION,
        "grid": list(grid),
        "size": size,
        "levels": levels,
        "seed": seed,
        "split": "shuffled by numpy RandomState(seed), then cut in order",
    }
    names = tuple(SHAPES) if labels else ()
    known = tuple(Factor(n, v, n not in ("shape", "colour")) for n, v in zip(FACTORS, grid))
    return Dataset("sprites", space, train, held, test, origin, names, known)


def positions_of(size: int) -> int:
    """How many whole pixels there are in each direction for a sprite to be at."""
    return size // 2


FACTORS = ("shape", "scale", "orientation", "x", "y", "colour")


def _grid(
    size: int, scales: int, orientations: int, positions: int | None, colours: int
) -> tuple[int, ...]:
    """How many values each factor has."""
    if count("size", size, 8) % 4:
        raise ValueError(f"size must be a multiple of 4, not {size}")
    places = positions_of(size) if positions is None else positions
    grid = (len(SHAPES), scales, orientations, places, places, colours)
    most = (len(SHAPES), 256, 256, size // 2, size // 2, len(INKS))
    for name, value, limit in zip(FACTORS, grid, most):
        what = {"x": "positions", "y": "positions"}.get(name, f"{name}s")
        if count(what, value) > limit:
            raise ValueError(f"{what} must be at most {limit} for images of {size}, not {value}")
    return grid


@dataclass(frozen=True)
class Drawing:
    """The view that turns factors (batch, 6) into images (and shapes, with `labels`).

    `templates` (shapes * scales * orientations, side, side) hold a sprite amid black, `places`
    where the windows of the positions begin, `inks` (colours, channels) zeros and ones.
    """

    size: int
    grid: tuple[int, ...]
    templates: Tensor
    places: Tensor
    inks: Tensor
    labels: bool

    def __call__(self, factors: Tensor) -> Batch:
        """x uint8 (batch, channels, size, size), and the shape int64 (batch,)."""
        # Looked up where the factors are: on an accelerator too, where a copy is cheap.
        templates, places, inks = (
            t.to(factors.device) for t in (self.templates, self.places, self.inks)
        )
        shape, scale, orientation, x, y, colour = factors.long().unbind(1)
        which = (shape * self.grid[1] + scale) * self.grid[2] + orientation
        windows = templates.unfold(1, self.size, 1).unfold(2, self.size, 1)
        grey = windows[which, places[y], places[x]]
        image = grey[:, None] * inks[colour][:, :, None, None]
        return (image, shape) if self.labels else (image,)


def drawing(space: Pixels, grid: tuple[int, ...], labels: bool) -> Drawing:
    """The view of sprites of `grid`: how many shapes, scales, orientations, x, y and colours."""
    _, scales, orientations, positions, _, colours = grid
    grey = rendered(
        ["sprites", VERSION, space.height, scales, orientations],
        lambda: _templates(space.height, scales, orientations),
    )
    values = (grey.astype(np.int64) * (space.levels - 1) + 127) // 255
    # Black on all sides, as far as a sprite can be moved: to the right is a window further left.
    reach = space.height // 2 - 1
    templates = np.pad(values.astype(np.uint8), ((0, 0), (reach, reach), (reach, reach)))
    places = reach - np.linspace(0, reach, positions).round().astype(np.int64)
    inks = [(1,)] if colours == 1 else INKS[:colours]
    return Drawing(
        space.height,
        grid,
        torch.from_numpy(templates),
        torch.from_numpy(places),
        torch.tensor(inks, dtype=torch.uint8),
        labels,
    )


def _templates(size: int, scales: int, orientations: int) -> np.ndarray:
    """Sprites around the middle pixel, uint8 (shapes * scales * orientations, side, side)."""
    radius, side = size / 4, size // 2 + 1
    fine = (np.arange(side * SAMPLES, dtype=np.float32) + 0.5) / SAMPLES - side / 2
    v, u = np.meshgrid(-fine, fine, indexing="ij")  # v points up
    drawn = [
        _covered(inside, u / (radius * scale), v / (radius * scale), math.tau * turn / orientations)
        for inside in SHAPES.values()
        for scale in np.linspace(1, 0.5, scales)[::-1].tolist()
        for turn in range(orientations)
    ]
    return np.stack(drawn)


def _covered(
    inside: Callable[[np.ndarray, np.ndarray], np.ndarray],
    u: np.ndarray,
    v: np.ndarray,
    angle: float,
) -> np.ndarray:
    """How much of each pixel a shape covers that was turned to the left, 0 .. 255."""
    cosine, sine = math.cos(angle), math.sin(angle)
    points = inside(u * cosine + v * sine, v * cosine - u * sine)
    side = len(u) // SAMPLES
    share = points.reshape(side, SAMPLES, side, SAMPLES).mean((1, 3))
    return (share * 255).round().astype(np.uint8)


def _square(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return np.maximum(abs(u), abs(v)) < 0.7


def _ellipse(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return (u / 0.97) ** 2 + (v / 0.5) ** 2 < 1


def _heart(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """(a^2 + b^2 - 1)^3 < a^2 b^3, brought into the unit circle."""
    a, b = 1.25 * u, 1.25 * v + 0.25
    within = a * a + b * b - 1
    return within * within * within < a * a * b * b * b


SHAPES = {"square": _square, "ellipse": _ellipse, "heart": _heart}
