from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy.stats import chisquare, ks_2samp, kstest
from sklearn.datasets import make_circles, make_moons, make_swiss_roll

from pushforward import data as sets
from pushforward.core.dataset import Dataset
from pushforward.core.spaces import Labels, Reals

ALL = [
    sets.moons,
    sets.circles,
    sets.swiss_roll,
    sets.gaussians8,
    sets.gaussians25,
    sets.checkerboard,
    sets.pinwheel,
]


def points(data: Dataset) -> np.ndarray:
    parts = (data.train, data.validation, data.test)
    return torch.cat([s.tensors[0] for s in parts]).double().numpy()


def same_density(a: np.ndarray, b: np.ndarray) -> None:
    """Projections on eight directions do not tell them apart."""
    for angle in np.arange(8) * math.pi / 8:
        direction = (math.cos(angle), math.sin(angle))
        assert ks_2samp(a @ direction, b @ direction).pvalue > 1e-3


@pytest.mark.parametrize("load", ALL)
def test_form_scale_splits_and_seed(load: Callable[..., Dataset]) -> None:
    data = load()
    assert data.name == load.__name__
    assert data.space == Reals((2,))
    assert [len(s) for s in (data.train, data.validation, data.test)] == [8000, 1000, 1000]
    x = points(data)
    assert data.train.tensors[0].dtype == torch.float32
    assert 2.5 < np.quantile(np.abs(x).max(1), 0.99) < 4.5
    assert np.abs(x.mean(0)).max() < 0.5
    assert np.array_equal(points(load()), x)
    assert not np.array_equal(points(load(seed=1)), x)
    same_density(points(load(seed=1)), x)
    assert data.origin["seed"] == 0


@pytest.mark.parametrize("load", ALL)
def test_bad_input(load: Callable[..., Dataset]) -> None:
    with pytest.raises(ValueError, match="n must be a whole number of at least 3, not 2"):
        load(n=2)
    with pytest.raises(ValueError, match=r"noise is a standard deviation.*-0\.1"):
        load(noise=-0.1)
    with pytest.raises(ValueError, match="nan"):
        load(noise=math.nan)
    assert len(load(n=3).test) == 1


def test_against_scikit_learn() -> None:
    theirs, _ = make_moons(10_000, noise=0.1, random_state=5)
    same_density(points(sets.moons(noise=0.2)), 2 * (theirs - (0.5, 0.25)))
    theirs, _ = make_circles(10_000, noise=0.05, factor=0.5, random_state=5)
    same_density(points(sets.circles(noise=0.15)), 3 * theirs)
    theirs, _ = make_swiss_roll(10_000, noise=0.5, random_state=5)
    same_density(points(sets.swiss_roll(noise=0.125)), theirs[:, [0, 2]] / 4)


@pytest.mark.parametrize(
    ("data", "centres", "noise"),
    [
        (
            sets.gaussians8(),
            [(3 * math.cos(a), 3 * math.sin(a)) for a in np.arange(8) * math.pi / 4],
            0.25,
        ),
        (
            sets.gaussians25(),
            [(a, b) for a in (-3, -1.5, 0, 1.5, 3) for b in (-3, -1.5, 0, 1.5, 3)],
            0.15,
        ),
    ],
)
def test_mixtures(data: Dataset, centres: list, noise: float) -> None:
    offsets = points(data)[:, None] - np.array(centres)
    nearest = (offsets**2).sum(-1).argmin(1)
    assert chisquare(np.bincount(nearest, minlength=len(centres))).pvalue > 1e-3
    within = offsets[np.arange(len(nearest)), nearest]
    assert kstest(within[:, 0] / noise, "norm").pvalue > 1e-3
    assert kstest(within[:, 1] / noise, "norm").pvalue > 1e-3


def test_checkerboard_is_uniform_on_its_eight_squares() -> None:
    x = points(sets.checkerboard())
    cell = np.floor(x / 2).astype(int) + 2
    assert set((cell[:, 0] + cell[:, 1]).tolist()) <= {0, 2, 4, 6}  # diagonal neighbours only
    assert chisquare(np.unique(cell, axis=0, return_counts=True)[1]).pvalue > 1e-3
    assert len(np.unique(cell, axis=0)) == 8
    assert kstest((x / 2 % 1)[:, 0], "uniform").pvalue > 1e-3


def test_pinwheel_untwists_into_five_arms() -> None:
    x = points(sets.pinwheel(noise=0.05))
    radius, angle = np.hypot(*x.T), np.arctan2(x[:, 1], x[:, 0])
    untwisted = (angle - 0.25 * np.exp(radius / 2)) % (2 * math.pi / 5)
    off = np.minimum(untwisted, 2 * math.pi / 5 - untwisted) * radius
    far = radius > 1
    assert off[far].mean() == pytest.approx(0.05 * math.sqrt(2 / math.pi), rel=0.05)
    assert radius.mean() == pytest.approx(2, abs=0.03)
    assert radius.std() == pytest.approx(0.6, abs=0.03)


LABELLED = [sets.moons, sets.circles, sets.gaussians8, sets.pinwheel]


@pytest.mark.parametrize("load", LABELLED)
def test_labels_stand_beside_the_same_points(load: Callable[..., Dataset]) -> None:
    plain, data = load(), load(labels=True)
    assert np.array_equal(points(plain), points(data))
    assert plain.given is None
    assert data.given == Labels(len(data.classes))
    kinds = torch.cat([s.tensors[1] for s in (data.train, data.validation, data.test)]).numpy()
    assert chisquare(np.bincount(kinds, minlength=len(data.classes))).pvalue > 1e-3


def test_labels_are_the_kinds_of_points() -> None:
    x, y = sets.gaussians8(labels=True, noise=0.01).train.tensors
    angle = torch.atan2(x[:, 1], x[:, 0])
    assert torch.equal((angle / (math.pi / 4)).round().long() % 8, y)
    x, y = sets.circles(labels=True, noise=0.0).train.tensors
    torch.testing.assert_close(x.norm(dim=1), torch.tensor([3.0, 1.5])[y])
    x, y, along = sets.moons(labels=True, along=True, noise=0.0).train.tensors
    assert along.shape == (8000, 1)
    side, angle = 1 - 2.0 * y, math.pi * along[:, 0]
    circle = torch.stack([2 * angle.cos() - 1, 2 * angle.sin() - 0.5], 1) * side[:, None]
    torch.testing.assert_close(x, circle, rtol=0, atol=1e-5)
    assert sets.moons(labels=True, along=True).given == (Labels(2), Reals((1,)))
    assert sets.moons(along=True).given == Reals((1,))
