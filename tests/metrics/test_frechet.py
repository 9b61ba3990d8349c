"""Statistics and the Frechet distance against numpy, scipy's matrix root and torchmetrics."""

from __future__ import annotations

import math
import weakref

import numpy as np
import pytest
import scipy.linalg
import torch
from torch import nn

from pushforward.metrics.frechet import (
    distance_between,
    factor,
    frechet_distance,
    trace_sqrt_product,
)
from pushforward.metrics.statistics import Statistics, feature_statistics, statistics_by_group


def normal(n: int, dims: int, seed: int = 0, scale: float = 1.0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    mix = torch.randn(dims, dims, generator=generator, dtype=torch.float64)
    return scale * torch.randn(n, dims, generator=generator, dtype=torch.float64) @ mix + seed


@pytest.mark.parametrize("size", [1, 7, 100, 501])
def test_any_batch_size_gives_the_same_statistics(size):
    x = normal(501, 5).float() + 1000  # an offset at which raw moments in float32 would be lost
    s = feature_statistics(x.split(size))
    exact = x.double().numpy()
    np.testing.assert_allclose(s.mean, exact.mean(0), rtol=1e-13)
    np.testing.assert_allclose(s.covariance, np.cov(exact.T), rtol=1e-10, atol=1e-12)
    assert s.count == 501


def test_parts_add_up_to_the_whole():
    x = normal(90, 4)
    whole, parts = feature_statistics(x), statistics_by_group(x.split(13), groups=4)
    total = parts[0] + parts[1] + parts[2] + parts[3]
    torch.testing.assert_close(total.scatter, whole.scatter, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(total.mean, whole.mean, rtol=1e-13, atol=1e-13)
    torch.testing.assert_close(parts[1].mean, x[1::4].mean(0), rtol=1e-13, atol=1e-13)


def sqrtm_distance(x: torch.Tensor, y: torch.Tensor) -> float:
    s1, s2 = np.cov(x.numpy().T), np.cov(y.numpy().T)
    root = scipy.linalg.sqrtm(s1 @ s2).real
    gap = np.square(x.numpy().mean(0) - y.numpy().mean(0)).sum()
    return gap + np.trace(s1) + np.trace(s2) - 2 * np.trace(root)


@pytest.mark.parametrize("dims", [1, 2, 64, 300])
def test_equals_scipy(dims):
    x, y = normal(4 * dims + 9, dims, 0), normal(4 * dims + 5, dims, 1)
    ours = frechet_distance(x.split(50), y).value
    assert ours == pytest.approx(float(sqrtm_distance(x, y)) if dims > 1 else closed(x, y), 1e-6)


def closed(x, y):
    return float((x.mean() - y.mean()) ** 2 + (x.std() - y.std()) ** 2)


@pytest.mark.parametrize(("n", "m"), [(20, 30), (20, 400), (400, 20), (51, 51)])
def test_rank_deficient_covariances(n, m):
    """Against the singular values of the centred data, which need no root at all."""
    x, y = normal(n, 50, 0), normal(m, 50, 1)
    a, b = x - x.mean(0), y - y.mean(0)
    exact = torch.linalg.svdvals(a @ b.T).sum() / math.sqrt((n - 1) * (m - 1))
    s1, s2 = feature_statistics(x).covariance, feature_statistics(y).covariance
    assert trace_sqrt_product(s1, s2) == pytest.approx(exact.item(), rel=1e-9)


@pytest.mark.parametrize("n", [3, 40, 65, 1000])
@pytest.mark.parametrize("decay", [0, 4, 9])
def test_distance_to_itself_is_zero(n, decay):
    x = torch.randn(n, 64, dtype=torch.float64) * torch.logspace(1, -decay, 64).double()
    assert frechet_distance(x, x.split(10)).value < 1e-6


def test_collapsed_sets():
    point = torch.ones(10, 3).double()
    assert frechet_distance(point, point).value == 0
    x = normal(50, 3)
    expected = (x.mean(0) - 1).square().sum() + x.var(0).sum()
    assert frechet_distance(point, x).value == pytest.approx(expected.item(), rel=1e-12)


def test_factor_has_the_rank():
    s = feature_statistics(normal(11, 30)).covariance
    f = factor(s)
    assert f.shape == (30, 10)
    torch.testing.assert_close(f @ f.T, s, rtol=1e-10, atol=1e-10)


class FlatFeatures(nn.Module):
    num_features = 12

    def forward(self, x):
        return x.flatten(1)


def test_equals_torchmetrics():
    from torchmetrics.image.fid import FrechetInceptionDistance

    generator = torch.Generator().manual_seed(0)
    x = torch.rand(200, 3, 2, 2, generator=generator)
    y = torch.rand(150, 3, 2, 2, generator=generator) ** 1.5
    theirs = FrechetInceptionDistance(FlatFeatures(), normalize=True).set_dtype(torch.float64)
    theirs.update(x, real=True)
    theirs.update(y, real=False)
    # torchmetrics hands an extractor of one's own the images as they are
    assert frechet_distance(y, x, FlatFeatures()).value == pytest.approx(
        theirs.compute().item(), rel=1e-6
    )


def test_jackknife_error_is_the_spread_over_draws():
    generator = torch.Generator().manual_seed(0)
    known = feature_statistics(torch.randn(4000, 2, generator=generator) + 1)
    runs = [
        frechet_distance(torch.randn(200, 2, generator=generator), known, groups=10)
        for _ in range(60)
    ]
    spread = torch.tensor([r.value for r in runs]).std()
    typical = torch.tensor([r.stderr for r in runs]).mean()
    assert 0.8 < typical / spread < 1.25
    assert "standard error of the samples alone" in runs[0].notes


def test_features_are_not_held():
    """At no time are more than two batches of features alive."""
    alive: list[weakref.ref] = []

    def extractor(x: torch.Tensor) -> torch.Tensor:
        features = x.flatten(1).double()
        alive.append(weakref.ref(features))
        assert sum(ref() is not None for ref in alive) <= 2
        return features

    images = torch.randint(0, 256, (1000, 1, 4, 4), dtype=torch.uint8)
    frechet_distance(images.split(10), images, extractor)
    assert len(alive) == 100 + 4


def test_refusals_and_notes():
    x = normal(20, 3)
    with pytest.raises(ValueError, match="1 of 20 examples are NaN"):
        frechet_distance(x.index_fill(0, torch.tensor(4), math.nan), x)
    with pytest.raises(ValueError, match="dims: 3 and 2"):
        frechet_distance(x, x[:, :2])
    with pytest.raises(ValueError, match="at least 2 examples are needed, 1"):
        frechet_distance(x[:1], x)
    with pytest.raises(ValueError, match="differ in extractor"):
        distance_between(feature_statistics(x), Statistics.of(x, "Inception@1234"))
    with pytest.raises(ValueError, match="flatten them"):
        frechet_distance(x, x, lambda x: x.reshape(-1, 3, 1))
    note = frechet_distance(x[:3], x).notes[0]
    assert note == "samples: 3 examples of 3 features, covariance of rank 2 at most"
