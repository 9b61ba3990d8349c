"""Bounds, scores and distances of lecture 10, against scikit-learn, scipy's programs and numpy."""

import math

import numpy as np
import pytest
import torch
from scipy import optimize
from sklearn.metrics import mutual_info_score

from pushforward.metrics.frechet import frechet_distance
from pushforward.metrics.inception import inception_score
from pushforward.metrics.kernel import cubic
from pushforward.metrics.prd import prd_curve
from pushforward.objectives.f_divergences import F_DIVERGENCES


def doubles(*shape: int, seed: int = 0) -> torch.Tensor:
    g = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=g, dtype=torch.float64)


STEEP = [d for d in F_DIVERGENCES if d.name != "total-variation"]  # whose f is not differentiable


@pytest.mark.parametrize("divergence", STEEP, ids=lambda d: d.name)
def test_the_conjugates_slope_at_the_best_critic_is_the_density_ratio(divergence):
    u = torch.tensor([0.05, 0.3, 1.0, 2.5, 8.0], dtype=torch.float64)
    best = divergence.derivative(u).requires_grad_()
    (slope,) = torch.autograd.grad(divergence.conjugate(best).sum(), best)
    torch.testing.assert_close(slope, u)


def test_the_inception_score_is_the_information_of_images_about_classes():
    chances = (2 * doubles(60, 7)).softmax(1).numpy()
    counts = 1 + np.random.default_rng(0).multinomial(993, chances)  # a thousand of every image
    expected = mutual_info_score(None, None, contingency=counts)
    found = inception_score(torch.from_numpy(np.log(counts)), splits=1)
    assert math.log(found.value) == pytest.approx(expected)
    assert 0 < expected < math.log(7)


@pytest.mark.parametrize("slope", [0.2, 0.7, 1.0, 3.0])
def test_the_most_that_two_histograms_share_is_found_by_a_program(slope):
    """Max alpha under alpha mu <= Q and beta mu <= P with alpha = slope beta, over alpha mu."""
    p, q = (2 * doubles(2, 6)).softmax(1)
    found = optimize.linprog(
        -np.ones(6), bounds=[(0, min(b, slope * a)) for a, b in zip(p.tolist(), q.tolist())]
    )
    alpha, beta = -found.fun, -found.fun / slope
    precision, recall = prd_curve(p, q, angles=20_001)
    angle = np.linspace(1e-10, math.pi / 2 - 1e-10, 20_001)
    i = np.abs(np.tan(angle) - slope).argmin()
    assert precision[i].item() == pytest.approx(alpha, abs=1e-3)
    assert recall[i].item() == pytest.approx(beta, abs=1e-3)
    assert precision.max().item() == pytest.approx(1) == recall.max().item()


def test_the_cubic_kernel_compares_three_moments():
    x, y = doubles(30, 3).numpy(), doubles(25, 3, seed=1).exp().numpy()
    d = x.shape[1]
    kernels = [
        cubic(torch.from_numpy(a), torch.from_numpy(b)).mean().item()
        for a, b in ((x, x), (y, y), (x, y))
    ]
    squares = [
        ((x.mean(0) - y.mean(0)) ** 2).sum(),
        ((x.T @ x / len(x) - y.T @ y / len(y)) ** 2).sum(),
        (
            (
                np.einsum("ni,nj,nk->ijk", x, x, x) / len(x)
                - np.einsum("ni,nj,nk->ijk", y, y, y) / len(y)
            )
            ** 2
        ).sum(),
    ]
    expected = sum(math.comb(3, k) / d**k * s for k, s in enumerate(squares, 1))
    assert kernels[0] + kernels[1] - 2 * kernels[2] == pytest.approx(expected)


def test_the_frechet_distance_of_two_samples_of_one_law_is_no_zero():
    """Its mean is at least that of the squared gap of means, tr S (1/n + 1/m)."""
    n, m, root = 60, 40, doubles(3, 3, seed=9)
    pairs = [(doubles(n, 3, seed=i) @ root, doubles(m, 3, seed=999 + i) @ root) for i in range(60)]
    gap = (root.T @ root).trace().item() * (1 / n + 1 / m)
    gaps = [(a.mean(0) - b.mean(0)).square().sum().item() for a, b in pairs]
    found = [frechet_distance(a, b).value for a, b in pairs]
    assert np.mean(gaps) == pytest.approx(gap, abs=4 * np.std(gaps) / 60**0.5)
    assert all(f >= g for f, g in zip(found, gaps))
    assert np.mean(found) > gap
