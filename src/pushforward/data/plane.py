"""Densities in the plane: Reals((2,)), float32 points within about [-4, 4] in both coordinates.

Positions and scales are constants, not estimated from the points: the density is one and the same
for every `n` and `seed`. `noise` is a standard deviation in the units of the points. The points are
independent draws; the first 80% train, the next 10% validate, the last 10% test.
"""

from __future__ import annotations

import math

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
    labels: np.ndarray | None = None,
) -> Dataset:
    """Independent points (n, 2), and their labels, in the order of drawing, cut 80 : 10 : 10."""
    x = torch.from_numpy(np.ascontiguousarray(points))
    beside = () if labels is None else (torch.from_numpy(labels.astype(np.int64)),)
    origin = {"generator": "numpy RandomState(seed)", "split": "80 : 10 : 10 in order", **origin}
    train, validation, test = cut((x, *beside), sizes(name, len(x)))
    classes = () if labels is None else tuple(map(str, range(labels.max() + 1)))
    return Dataset(name, space or Reals((2,)), train, validation, test, origin, classes)


def _start(n: int, noise: float, seed: int) -> RandomState:
    count("n", n, 3)
    if not noise >= 0 or math.isinf(noise):
        raise ValueError(f"noise is a standard deviation: a number of at least 0, not {noise!r}")
    return RandomState(seed)


def _finish(
    name: str, points: np.ndarray, noise: float, seed: int, labels: np.ndarray | None = None
) -> Dataset:
    origin = {"source": "formula", "noise": noise, "seed": seed}
    return planar(name, points.astype(np.float32), origin, labels=labels)


def _polar(radius: np.ndarray | float, angle: np.ndarray) -> np.ndarray:
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)


@findable("moons")
def moons(n: int = 10_000, noise: float = 0.15, seed: int = 0) -> Dataset:
    """Two interleaved half circles of radius 2, around (-1, -0.5) and (1, 0.5)."""
    rng = _start(n, noise, seed)
    side = np.where(rng.rand(n) < 0.5, 1.0, -1.0)[:, None]
    clean = side * (_polar(2, np.pi * rng.rand(n)) - (1, 0.5))
    return _finish("moons", clean + noise * rng.randn(n, 2), noise, seed)


@findable("circles")
def circles(n: int = 10_000, noise: float = 0.15, seed: int = 0) -> Dataset:
    """Two circles around the origin, of radius 3 and 1.5, half the mass on each."""
    rng = _start(n, noise, seed)
    radius = np.where(rng.rand(n) < 0.5, 3.0, 1.5)
    return _finish(
        "circles", _polar(radius, 2 * np.pi * rng.rand(n)) + noise * rng.randn(n, 2), noise, seed
    )


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
    """Eight equal Gaussians, evenly spaced on a circle of radius 3.

    With `labels`, the second tensor says which of them drew the point, int64, from the right on
    counter-clockwise.
    """
    rng = _start(n, noise, seed)
    drawn = rng.randint(8, size=n)
    points = _polar(3, 2 * np.pi * drawn / 8) + noise * rng.randn(n, 2)
    return _finish("gaussians8", points, noise, seed, drawn if labels else None)


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
def pinwheel(n: int = 10_000, noise: float = 0.2, seed: int = 0) -> Dataset:
    """Five twisted arms (after Johnson et al., 2016, arXiv:1603.06277); `noise` is their width.

    Along an arm the radius is N(2, 0.6^2), across it the width is N(0, noise^2); the whole is then
    turned by exp(radius / 2) / 4.
    """
    rng = _start(n, noise, seed)
    radius, across = 2 + 0.6 * rng.randn(n), noise * rng.randn(n)
    turn = 2 * np.pi * rng.randint(5, size=n) / 5 + 0.25 * np.exp(radius / 2)
    clean = _polar(radius, turn) + _polar(across, turn + np.pi / 2)
    return _finish("pinwheel", clean, noise, seed)
