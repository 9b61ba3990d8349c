"""KID, Inception Score, PRD, MMD and energy distance against torchmetrics, scipy, closed forms."""

from __future__ import annotations

import math

import pytest
import scipy.stats
import torch
from torch import nn

from pushforward.metrics.energy import energy_distance
from pushforward.metrics.inception import inception_score
from pushforward.metrics.kernel import kernel_distance
from pushforward.metrics.mmd import gaussian_mmd
from pushforward.metrics.prd import best_f, prd_curve, precision_recall_curve


def normal(n: int, dims: int, seed: int, shift: float = 0.0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, dims, generator=generator, dtype=torch.float64) + shift


class FlatFeatures(nn.Module):
    num_features = 12

    def forward(self, x):
        return x.flatten(1)


@pytest.mark.filterwarnings("ignore")  # torchmetrics warns of its buffers
@pytest.mark.parametrize(("subsets", "size"), [(1, 60), (7, 25)])
def test_kid_equals_torchmetrics(subsets, size):
    """In float64, with the subsets that both draw from one seed; KID is symmetric."""
    from torchmetrics.image.kid import KernelInceptionDistance

    x, y = normal(60, 12, 0), normal(50 if size < 50 else 60, 12, 1, 0.3)
    theirs = KernelInceptionDistance(
        FlatFeatures(), subsets=subsets, subset_size=size, normalize=True
    ).set_dtype(torch.float64)
    theirs.update(x.view(-1, 3, 2, 2), real=True)
    theirs.update(y.view(-1, 3, 2, 2), real=False)
    torch.manual_seed(0)
    expected = theirs.compute()[0].item()
    ours = kernel_distance(x, y, subsets=subsets, subset_size=size, seed=0)
    assert ours.value == pytest.approx(expected, rel=1e-6)
    assert (ours.stderr is None) == (subsets == 1)


def test_the_interval_of_kid_is_that_of_new_draws():
    """The bootstrap's width against the spread of KID over sets drawn anew."""
    sets = [(normal(150, 3, 2 * i), normal(150, 3, 2 * i + 1, 0.5)) for i in range(25)]
    found = [kernel_distance(*pair, subsets=1, subset_size=150) for pair in sets]
    spread = torch.tensor([f.value for f in found]).std()
    width = sum(f.interval.high - f.interval.low for f in found) / 25
    assert 0.7 < width / (2 * 1.96 * spread) < 1.4
    inside = sum(f.interval.low < f.value < f.interval.high for f in found)
    assert inside >= 24
    assert found[0].interval.method == "bootstrap"


def test_the_interval_of_the_inception_score_is_that_of_new_draws():
    found = [inception_score(2 * normal(300, 5, i), splits=1) for i in range(25)]
    spread = torch.tensor([f.value for f in found]).std()
    width = sum(f.interval.high - f.interval.low for f in found) / 25
    assert 0.7 < width / (2 * 1.96 * spread) < 1.4
    assert all(f.interval.low < f.value < f.interval.high for f in found)
    whole, parts = (inception_score(normal(70, 5, 0).split(s), splits=1) for s in (70, 9))
    assert whole.value == pytest.approx(parts.value, rel=1e-12)


def test_kid_is_unbiased_and_knows_its_error():
    """Closed form for N(0, I) against N(mu, I), with m = |mu|^2, degree by degree."""
    d, m = 3, 3 * 0.5**2
    exact = 3 * m / d + 3 * m**2 / d**2 + (m**3 + 6 * m**2 + (3 * d + 6) * m) / d**3
    runs = [
        kernel_distance(
            normal(200, d, 2 * i), normal(200, d, 2 * i + 1, 0.5), subsets=20, subset_size=50
        )
        for i in range(60)
    ]
    values = torch.tensor([r.value for r in runs])
    assert abs(values.mean() - exact) < 3 * values.std() / 60**0.5
    typical = sum(r.stderr for r in runs) / 60
    assert 0.7 < typical / values.std() < 1.4


@pytest.mark.filterwarnings("ignore")  # torchmetrics warns of its buffers
@pytest.mark.parametrize("size", [7, 1000])
def test_inception_score_equals_torchmetrics(size):
    from torchmetrics.image.inception import InceptionScore

    z = 3 * normal(300, 12, 0)
    theirs = InceptionScore(FlatFeatures(), splits=1)
    theirs.update(z.float().view(-1, 3, 2, 2))
    expected = theirs.compute()[0].item()
    ours = inception_score(z.split(size), splits=1)
    assert ours.value == pytest.approx(expected, rel=1e-6)
    split = inception_score(z.split(size), splits=4)
    parts = torch.tensor([inception_score(z[i::4], splits=1).value for i in range(4)])
    assert split.value == pytest.approx(parts.mean().item(), rel=1e-6)
    assert split.stderr == pytest.approx(parts.std().item() / 2, rel=1e-4)


def test_inception_score_bounds():
    sure = 1000.0 * torch.eye(10).double()
    assert inception_score(sure, splits=1).value == pytest.approx(
        10
    )  # one image per class fools it
    assert inception_score(sure[:1].repeat(20, 1), splits=2).value == pytest.approx(1)
    assert inception_score(torch.zeros(20, 10), splits=2).value == pytest.approx(1)
    assert inception_score(sure, splits=5).value == pytest.approx(2)


def test_prd_of_histograms():
    half, other = torch.tensor([0.5, 0.5, 0.0]), torch.tensor([0.0, 0.5, 0.5])
    precision, recall = prd_curve(half, other)
    assert precision.max() == pytest.approx(0.5, abs=1e-6)
    assert recall.max() == pytest.approx(0.5, abs=1e-6)
    # Identical: precision 1 at every slope of at least 1, recall 1 at every slope of at most 1.
    precision, recall = prd_curve(half, half)
    assert best_f(precision, recall, 8) == pytest.approx(1, abs=1e-6)
    # Real on both halves, samples on one: all precise, half covered.
    precision, recall = prd_curve(half, torch.tensor([1.0, 0.0, 0.0]))
    assert (precision.max(), recall.max()) == (1, 0.5)
    # At precision a and recall b: (1, 1/2) is on the curve, where l = 2.
    i = (precision - 1).abs().argmin()
    assert recall[i] == pytest.approx(0.5, abs=2e-3)
    assert best_f(precision, recall, 8) == pytest.approx(65 * 0.5 / (64 + 0.5), abs=2e-3)
    with pytest.raises(ValueError, match="sum to 1"):
        prd_curve(half, half[:2])


def modes(n: int, which: tuple[int, ...], seed: int) -> torch.Tensor:
    centres = 20 * torch.eye(4).double()[list(which)]
    return centres[torch.arange(n) % len(which)] + normal(n, 4, seed)


def test_prd_tells_dropped_from_invented_modes():
    real = modes(400, (0, 1), 0)
    dropped, invented = modes(400, (0,), 1), modes(400, (0, 1, 2, 3), 2)
    d, i = (precision_recall_curve(s, real, clusters=4, runs=3) for s in (dropped, invented))
    assert d.f1_8.value > 0.9 > 0.6 > d.f8.value
    assert i.f8.value > 0.9 > 0.6 > i.f1_8.value
    like = precision_recall_curve(modes(400, (0, 1), 3), real, clusters=4, runs=3)
    assert min(like.f8.value, like.f1_8.value) > 0.9
    assert like.precision.shape == like.recall.shape == (1001,)
    # Swapped arguments swap the two.
    swapped = precision_recall_curve(real, dropped, clusters=4, runs=3)
    assert swapped.f8.value == pytest.approx(d.f1_8.value, abs=0.02)


def test_energy_distance_equals_scipy():
    x, y = normal(700, 1, 0), 1.3 * normal(300, 1, 1, 0.2)
    expected = scipy.stats.energy_distance(x[:, 0].numpy(), y[:, 0].numpy()) ** 2
    assert energy_distance(x, y.split(7)).value == pytest.approx(expected, rel=1e-6)


def test_mmd_equals_brute_force():
    x, y = normal(40, 3, 0), normal(30, 3, 1, 0.5)
    k = [torch.exp(-(torch.cdist(a, b) ** 2) / (2 * 1.7**2)) for a, b in ((x, x), (y, y), (x, y))]
    expected = (k[0].sum() - 40) / (40 * 39) + (k[1].sum() - 30) / (30 * 29) - 2 * k[2].mean()
    found = gaussian_mmd(x, y, bandwidth=1.7)
    assert found.value == pytest.approx(expected.item(), rel=1e-10)
    median = gaussian_mmd(x, y).settings
    exact = torch.pdist(torch.cat([x, y])).median()
    assert median == f"bandwidth {exact:.6g}"


@pytest.mark.parametrize("metric", [gaussian_mmd, energy_distance])
def test_permutations(metric):
    """p-values are uniform where the sets are alike, and at their least where they differ."""

    def p(shift: float, seed: int) -> float:
        x, y = normal(25, 2, 2 * seed), normal(20, 2, 2 * seed + 1, shift)
        return float(metric(x, y, permutations=99).notes[0].split()[2])

    alike = torch.tensor([p(0, seed) for seed in range(60)]).double()
    assert scipy.stats.kstest(alike.numpy(), "uniform").pvalue > 0.01
    assert p(3, 0) == 0.01
    assert metric(normal(9, 2, 0), normal(8, 2, 1)).notes == ()


def test_refusals():
    x = normal(30, 3, 0)
    with pytest.raises(ValueError, match="subset_size 1000 is larger than the smaller set, 30"):
        kernel_distance(x, x)
    with pytest.raises(ValueError, match="too few for 40 splits"):
        inception_score(x, splits=40)
    with pytest.raises(ValueError, match="median distance is 0"):
        gaussian_mmd(torch.ones(9, 2), torch.ones(9, 2))
    with pytest.raises(ValueError, match="positive, not -1"):
        gaussian_mmd(x, x, bandwidth=-1)
    with pytest.raises(ValueError, match="100 clusters cannot be found in 60"):
        precision_recall_curve(x, x, clusters=100)
    for metric in (kernel_distance, gaussian_mmd, energy_distance, precision_recall_curve):
        with pytest.raises(ValueError, match="NaN"):
            metric(x * math.nan, x)
