"""k-nearest-neighbour metrics against brute force, closed forms and known facts."""

from __future__ import annotations

import math

import pytest
import torch

from pushforward.metrics import neighbours
from pushforward.metrics.neighbours import nearest
from pushforward.metrics.precision_recall import density_and_coverage, precision_and_recall


def sets(n: int = 130, m: int = 90, dims: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(n, dims, generator=generator, dtype=torch.float64)
    return x, 0.7 * torch.randn(m, dims, generator=generator, dtype=torch.float64) + 0.5


def brute(x, y, k):
    radii_x = torch.cdist(x, x).sort(1).values[:, k]
    radii_y = torch.cdist(y, y).sort(1).values[:, k]
    d = torch.cdist(x, y)
    in_y, in_x = d <= radii_y, d <= radii_x[:, None]
    shares = in_y.any(1), in_x.any(0), in_y.sum(1) / k, in_y.any(0)
    return [s.double().mean().item() for s in shares]


@pytest.mark.parametrize("k", [1, 3, 10])
@pytest.mark.parametrize("chunk", [17, 1024])
def test_equal_brute_force(k, chunk, monkeypatch):
    monkeypatch.setattr(neighbours, "CHUNK", chunk)
    monkeypatch.setattr(neighbours, "WIDE", 2)
    x, y = sets()
    found = [*precision_and_recall(x, y.split(20), k=k), *density_and_coverage(x, y, k=k)]
    assert [m.value for m in found] == pytest.approx(brute(x, y, k), abs=1e-12)


def test_swapped_arguments_swap_the_two():
    x, y = sets()
    there, back = precision_and_recall(x, y), precision_and_recall(y, x)
    assert there.precision.value == back.recall.value
    assert there.recall.value == back.precision.value
    assert there.precision.value != there.recall.value


def test_collapsed_samples_have_precision_without_recall():
    _, real = sets(m=500)
    collapsed = real.mean(0) + 0.05 * sets(n=500)[0]
    p, r = precision_and_recall(collapsed, real)
    assert p.value > 0.95
    assert r.value < 0.05
    p, r = precision_and_recall(10 * sets(n=500)[0], real)  # scattered samples: the reverse
    assert p.value < 0.2
    assert r.value > 0.8


def test_copies_of_one_point():
    _, real = sets(m=500)
    p, r = precision_and_recall(real[:1].expand(400, -1), real)
    assert (p.value, r.value) == (1, 1 / 500)


def test_coverage_of_like_sets_is_as_computed():
    """Naeem et al., lemma 2: E coverage = 1 - prod_i (m - i) / (n + m - i) for i = 1 .. k."""
    n, m, k = 300, 200, 4
    expected = 1 - math.prod((m - i) / (n + m - i) for i in range(1, k + 1))
    generator = torch.Generator().manual_seed(1)
    draws = [torch.rand(n + m, 2, generator=generator) for _ in range(50)]
    found = [density_and_coverage(draw[:n], draw[n:], k=k) for draw in draws]
    assert sum(f.coverage.value for f in found) / 50 == pytest.approx(expected, abs=0.008)
    assert sum(f.density.value for f in found) / 50 == pytest.approx(1, abs=0.03)


def test_nearest_finds_copies_in_float32():
    generator = torch.Generator().manual_seed(0)
    train = torch.randn(3000, 64, generator=generator) + 30
    samples = train[1000:1010] + 1e-5 * torch.randn(10, 64, generator=generator)
    distance, index = nearest(samples, train, k=3)
    assert index[:, 0].tolist() == list(range(1000, 1010))
    exact = (samples.double()[:, None] - train.double()).norm(dim=2).sort(1)
    torch.testing.assert_close(distance.double(), exact.values[:, :3], rtol=1e-5, atol=1e-7)
    assert torch.equal(index, exact.indices[:, :3])


def test_refusals():
    x, y = sets()
    with pytest.raises(ValueError, match="k = 90 neighbours cannot be found among 89"):
        precision_and_recall(x, y, k=90)
    with pytest.raises(ValueError, match="3 features and references 2"):
        precision_and_recall(x, y[:, :2])
    with pytest.raises(ValueError, match="NaN"):
        density_and_coverage(x * math.nan, y)
    with pytest.raises(ValueError, match="k must be a whole number"):
        nearest(x, y, k=0)
    assert "unequal size" in precision_and_recall(x, y).precision.notes[0]
