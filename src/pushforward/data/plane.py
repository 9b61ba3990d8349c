"""Densities in the plane: Reals((2,)), float32 points within about [-4, 4] in both coordinates.

Positions and scales are constants, not estimated from the points: the density is one and the same
for every `n` and `seed`. `noise` is a standard deviation in the units of the points. The points are
independent draws; the first 80% train, the next 10% validate, the last 10% test. Where there are
kinds of points, `labels` puts the kind (int64) beside them; the points stay the same.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.random import RandomState

from ..core.dataset import Dataset
from ..core.spaces import Reals, Space, count
from .specs import findable
from .splits import cut, sizes


def planar(
    name: str,
    points: np.ndarray,
    origin: dict,
    space: Space | None = None,
    beside: Sequence[np.ndarray] = (),
    classes: Sequence[str] = (),
) -> Dataset:
    """Independent points (n, 2) in the order of drawing, cut 80 : 10 : 10, and what stands beside.

    `classes` names the labels among it.
    """
    tensors = tuple(torch.from_numpy(np.ascontiguousarray(v)) for v in (points, *beside))
    origin = {"generator": "numpy RandomState(seed)", "split": "80 : 10 : 10 in order", **origin}
    train, validation, test = cut(tensors, sizes(name, len(points)))
    space = space or Reals((2,))
    return Dataset(name, space, train, validation, test, origin, tuple(classes))


def _start(n: int, noise: float, seed: int) -> RandomState:
    count("n", n, 3)
    if not noise >= 0 or math.isinf(noise):
        raise ValueError(f"noise is a standard deviation: a number of at least 0, not {noise!r}")
    return RandomState(seed)


def _finish(
    name: str,
    points: np.ndarray,
    noise: float,
    seed: int,
    kinds: np.ndarray | None = None,
    classes: Sequence[str] = (),
    along: np.ndarray | None = None,
) -> Dataset:
    """The set; `kinds` and what lies `along` stand beside the points where they are not None."""
    origin = {"source": "formula", "noise": noise, "seed": seed}
    beside: list[np.ndarray] = [] if kinds is None else [kinds.astype(np.int64)]
    beside += [] if along is None else [along.astype(np.float32)[:, None]]
    classes = () if kinds is None else classes
    return planar(name, points.astype(np.float32), origin, beside=beside, classes=classes)


def _polar(radius: np.ndarray | float, angle: np.ndarray) -> np.ndarray:
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)


@findable("moons")
def moons(
    n: int = 10_000,
    noise: float = 0.15,
    seed: int = 0,
    labels: bool = False,
    along: bool = False,
) -> Dataset:
    """Two interleaved half circles of radius 2, around (-1, -0.5) and (1, 0.5).

    With `along`, after the label stands where on its half circle a point lies, Reals((1,)) from 0
    to 1: a context that is known exactly.
    """
    rng = _start(n, noise, seed)
    side, place = np.where(rng.rand(n) < 0.5, 1.0, -1.0)[:, None], rng.rand(n)
    points = side * (_polar(2, np.pi * place) - (1, 0.5)) + noise * rng.randn(n, 2)
    kinds, where = side[:, 0] < 0 if labels else None, place if along else None
    return _finish("moons", points, noise, seed, kinds, ("upper", "lower"), where)


@findable("circles")
def circles(n: int = 10_000, noise: float = 0.15, seed: int = 0, labels: bool = False) -> Dataset:
    """Two circles around the origin, of radius 3 and 1.5, half the mass on each."""
    rng = _start(n, noise, seed)
    inner = rng.rand(n) >= 0.5
    points = _polar(np.where(inner, 1.5, 3.0), 2 * np.pi * rng.rand(n)) + noise * rng.randn(n, 2)
    return _finish("circles", points, noise, seed, inner if labels else None, ("outer", "inner"))


@findable("swiss_roll")
def swiss_roll(n: int = 10_000, noise: float = 0.15, seed: int = 0) -> Dataset:
    """A spiral of one and a half turns: radius t / 4 at angle t, uniform on [1.5 pi, 4.5 pi]."""
    rng = _start(n, noise, seed)
    t = 1.5 * np.pi * (1 + 2 * rng.rand(n))
    return _finish("swiss_roll", _polar(t / 4, t) + noise * rng.randn(n, 2), noise, seed)


@findable("gaussians8")
def gaussians8(
    n: int = 10_000, noise: float = 0.25, seed: int = 0, labels: bool = False
) -> Dataset:
    """Eight equal Gaussians, evenly spaced on a circle of radius 3, from the east leftwards."""
    rng = _start(n, noise, seed)
    which = rng.randint(8, size=n)
    points = _polar(3, 2 * np.pi * which / 8) + noise * rng.randn(n, 2)
    names = ("E", "NE", "N", "NW", "W", "SW", "S", "SE")
    return _finish("gaussians8", points, noise, seed, which if labels else None, names)


@findable("gaussians25")
def gaussians25(n: int = 10_000, noise: float = 0.15, seed: int = 0) -> Dataset:
    """Twenty-five equal Gaussians on the grid {-3, -1.5, 0, 1.5, 3} squared."""
    rng = _start(n, noise, seed)
    return _finish(
        "gaussians25",
        1.5 * (rng.randint(5, size=(n, 2)) - 2) + noise * rng.randn(n, 2),
        noise,
        seed,
    )


@findable("checkerboard")
def checkerboard(n: int = 10_000, noise: float = 0.0, seed: int = 0) -> Dataset:
    """Uniform on eight of the sixteen 2x2 squares of [-4, 4] squared."""
    rng = _start(n, noise, seed)
    column, half = rng.randint(4, size=n), rng.randint(2, size=n)
    cell = np.stack([column, 2 * half + column % 2], axis=1)
    return _finish(
        "checkerboard", 2 * (cell + rng.rand(n, 2)) - 4 + noise * rng.randn(n, 2), noise, seed
    )


@findable("pinwheel")
def pinwheel(n: int = 10_000, noise: float = 0.2, seed: int = 0, labels: bool = False) -> Dataset:
    """Five twisted arms (after Johnson et al., 2016, arXiv:1603.06277); `noise` is their width.

    Along an arm the radius is N(2, 0.6^2), across it the width is N(0, noise^2); the whole is then
    turned by exp(radius / 2) / 4.
    """
    rng = _start(n, noise, seed)
    radius, across = 2 + 0.6 * rng.randn(n), noise * rng.randn(n)
    arm = rng.randint(5, size=n)
    turn = 2 * np.pi * arm / 5 + 0.25 * np.exp(radius / 2)
    points = _polar(radius, turn) + _polar(across, turn + np.pi / 2)
    return _finish("pinwheel", points, noise, seed, arm if labels else None, "ABCDE")
