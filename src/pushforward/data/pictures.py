"""Any grey picture as a density in the plane, or over two categorical variables."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..core.dataset import Dataset
from ..core.spaces import Tokens, count
from .decoding import Canvas
from .plane import planar
from .specs import findable

INKS = ("dark", "bright")
MOST = 2**24  # pixels of a picture, each of which becomes a probability


@findable("picture", place="PATH")
def picture(
    source: str | Path | np.ndarray,
    n: int = 10_000,
    bins: int | None = None,
    ink: str = "dark",
    seed: int = 0,
) -> Dataset:
    """`n` independent points whose density is the ink of a picture: Reals((2,)), within [-4, 4].

    `source` is an image file (colours become grey) or an array (height, width): integers count from
    0 to 255, floats from 0 to 1. With `ink="dark"` mass is where it is dark, with "bright" where it
    is bright. A pixel is chosen in proportion, and the point lies uniformly within it. x points to
    the right, y up; the longer side spans [-4, 4], the shorter is centred.

    With `bins`, the points fall into bins x bins equal cells of that square: Tokens(2, bins), which
    are (column from the left, row from the bottom). Raises ValueError for a picture without ink,
    FileNotFoundError where there is no such file.
    """
    count("n", n, 3)
    name, grey = _grey(source)
    points = _points(_ink(name, grey, ink), n, np.random.RandomState(seed))
    origin = {"source": "picture", "shape": list(grey.shape), "ink": ink, "seed": seed}
    if bins is None:
        return planar(name, points.astype(np.float32), origin)
    cells = np.floor((points + 4) / 8 * count("bins", bins, 2)).astype(np.int64)
    space = Tokens(2, bins)
    return planar(name, cells.clip(0, bins - 1), {**origin, "bins": bins}, space)


def _grey(source: str | Path | np.ndarray) -> tuple[str, np.ndarray]:
    """The picture's name, and its brightness (height, width) from 0 to 1."""
    if isinstance(source, np.ndarray):
        grey = source / (1 if np.issubdtype(source.dtype, np.floating) else 255)
        name = "picture"
    else:
        path = Path(source).expanduser()
        if not path.is_file():
            raise FileNotFoundError(f"there is no picture {path}")
        name, grey = path.stem, Canvas(None, 1, most=MOST).decode(str(path), path).pixels[0] / 255
    # Written so that NaN fails.
    if grey.ndim != 2 or grey.size == 0 or not (grey.min() >= 0 and grey.max() <= 1):
        raise ValueError(
            "a picture is an array (height, width) of integers 0 .. 255 or floats 0 .. 1, "
            f"not {grey.shape} of {getattr(source, 'dtype', 'file')}"
        )
    return name, grey


def _ink(name: str, grey: np.ndarray, ink: str) -> np.ndarray:
    if ink not in INKS:
        raise ValueError(f'ink must be "dark" or "bright", not {ink!r}')
    mass = 1 - grey if ink == "dark" else grey
    if mass.sum() <= 0:
        other = INKS[1 - INKS.index(ink)]
        raise ValueError(f"{name} has no {ink} ink at all: try ink={other!r} or another picture")
    return mass / mass.sum()


def _points(mass: np.ndarray, n: int, rng: np.random.RandomState) -> np.ndarray:
    height, width = mass.shape
    row, column = np.divmod(rng.choice(mass.size, size=n, p=mass.ravel()), width)
    inside = np.stack([column + rng.rand(n) - width / 2, height / 2 - row - rng.rand(n)], axis=1)
    return inside * (8 / max(height, width))
