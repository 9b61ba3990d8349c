"""Histograms against numpy, kernel densities against scikit-learn."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from sklearn import neighbors

from pushforward.models.nonparametric.histogram import Histogram
from pushforward.models.nonparametric.kernel_density import KernelDensity


def cloud(n: int, d: int, seed: int = 0) -> torch.Tensor:
    """Two clusters, (n, d)."""
    drawn = np.random.RandomState(seed).randn(n, d)
    drawn[: n // 3] += 4
    return torch.from_numpy(drawn)


@pytest.mark.parametrize("d", [1, 2, 3])
def test_a_histogram_is_numpys_beside_a_normal(d):
    x, at, bins, a = cloud(500, d), 1.7 * cloud(50, d, seed=1), 6, 2.0
    model = Histogram(d, bins, smoothing=a).double()
    model.count(x)
    model.count(at)  # a second batch falls into the box of the first, or outside of it
    both = np.concatenate([x.numpy(), at.numpy()])
    span = list(zip(x.numpy().min(0), x.numpy().max(0)))
    heights, edges = np.histogramdd(both, bins, span)
    volume = np.prod([e[1] - e[0] for e in edges])
    outside = len(both) - heights.sum()
    assert outside
    inside = np.logical_and.reduce(
        [(c >= e[0]) & (c <= e[-1]) for c, e in zip(at.T.numpy(), edges)]
    )
    cells = [
        np.clip(np.searchsorted(e, c, side="right") - 1, 0, bins - 1)
        for c, e in zip(at.T.numpy(), edges)
    ]
    middle, half = (np.array([f(e[0], e[-1]) for e in edges]) for f in (_middle, _half))
    broad = np.exp(-(((at.numpy() - middle) / half) ** 2) / 2) / (half * np.sqrt(2 * np.pi))
    mass = heights[tuple(cells)] * inside / volume + (outside + a) * broad.prod(1)
    expected = np.log(mass / (len(both) + a))
    np.testing.assert_allclose(model.log_prob(at), expected, rtol=1e-10)


def _middle(low: float, high: float) -> float:
    return (low + high) / 2


def _half(low: float, high: float) -> float:
    return (high - low) / 2


def test_a_constant_column_has_a_cell_of_width_one():
    x = torch.stack([torch.linspace(0, 1, 9), torch.full((9,), 3.0)], 1)
    model = Histogram(2, bins=4)
    model.count(x)
    assert model.log_prob(x).isfinite().all()
    assert (model.low[1], model.high[1]) == (2.5, 3.5)


def test_too_many_cells_and_numbers_that_are_none_are_refused():
    with pytest.raises(ValueError, match=r"8 bins in 64 dimensions are 8\^64 cells"):
        Histogram(64, bins=8)
    with pytest.raises(ValueError, match="smoothing"):
        Histogram(2, smoothing=0)
    for model in (Histogram(1), KernelDensity(1)):
        move = model.players()[0].update
        with pytest.raises(ValueError, match=r"finite|nan"):
            move(torch.tensor([[0.0], [torch.nan]]))


def test_a_kernel_density_is_scikit_learns():
    x, at = cloud(60, 3), cloud(20, 3, seed=1)
    model = KernelDensity(3, bandwidth=0.7).double()
    model.update(x)
    peer = neighbors.KernelDensity(bandwidth=model.bandwidth).fit(x)
    np.testing.assert_allclose(model.log_prob(at), peer.score_samples(at), rtol=1e-10)


def test_the_bandwidth_is_that_which_predicts_what_is_left_out_best():
    """By EM that never falls, against scikit-learn's densities of all points but one."""
    x = cloud(40, 2)
    model = KernelDensity(2).double()
    told = [model.update(x)["leave_one_out"].item() for _ in range(200)]
    assert all(b <= a + 1e-12 for a, b in pairwise(told))

    def left_out(width: float) -> float:
        rest = [np.delete(x.numpy(), i, 0) for i in range(len(x))]
        peers = [neighbors.KernelDensity(bandwidth=width).fit(r) for r in rest]
        return -np.mean([p.score_samples(x[i : i + 1])[0] for i, p in enumerate(peers)])

    found = model.bandwidth
    assert abs(left_out(found) - told[-1]) < 1e-9
    assert left_out(found) < min(left_out(found * 0.98), left_out(found * 1.02))


def test_points_that_coincide_have_no_bandwidth():
    x = torch.tensor([[0.0], [0.0], [2.0], [2.0]])
    model = KernelDensity(1)
    with pytest.raises(ValueError, match="best bandwidth is 0: give `bandwidth`"):
        list(map(model.update, [x] * 60))
    with pytest.raises(ValueError, match="at least two points"):
        KernelDensity(1).update(x[:1])
