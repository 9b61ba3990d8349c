"""Earth, critics and latents of lecture 9, against scipy, linear programs and closed forms."""

import math

import numpy as np
import pytest
import torch
from scipy import optimize, stats

from pushforward.objectives.penalties import GradientPenalty
from pushforward.objectives.transport import (
    cost_matrix,
    transport_plan,
    wasserstein,
    wasserstein_quantiles,
)


def doubles(*shape: int, seed: int = 0) -> torch.Tensor:
    g = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=g, dtype=torch.float64)


def test_earth_moved_by_hand_costs_what_the_program_says():
    """Shovels (2, 1, 0, 1) become (0, 1, 2, 1): two of them move two places, of four."""
    place = torch.arange(4.0, dtype=torch.float64)
    p, q = torch.tensor([2.0, 1, 0, 1]).double() / 4, torch.tensor([0.0, 1, 2, 1]).double() / 4
    cost = cost_matrix(place[:, None], place[:, None], power=1)
    assert (transport_plan(cost, p, q) * cost).sum().item() == pytest.approx(1)
    assert stats.wasserstein_distance(place, place, p, q) == pytest.approx(1)
    assert (p.cumsum(0) - q.cumsum(0)).abs().sum().item() == pytest.approx(1)
    critic = torch.tensor([2.0, 1, 0, 0]).double()  # 1-Lipschitz, and gains as much
    assert (critic @ (p - q)).item() == pytest.approx(1)


def test_the_distance_moves_no_more_than_the_generator():
    """A small change of the generator's weights changes W1 by less than it moves samples."""
    z, x, weights = doubles(40, 3), doubles(30, 2, seed=1) + 1, doubles(3, 2, seed=2)
    for size in (1e-3, 0.1, 1.0):
        other = weights + size * doubles(3, 2, seed=3)
        one, two = torch.tanh(z @ weights), torch.tanh(z @ other)
        moved = (one - two).norm(dim=1).mean().item()
        assert wasserstein(one, two, 1).item() <= moved + 1e-12
        change = wasserstein(x, one, 1) - wasserstein(x, two, 1)
        assert abs(change.item()) <= moved + 1e-12


@pytest.mark.parametrize("theta", [-1.0, 0.3, 2.0])
def test_the_best_critic_gives_the_distances_gradient(theta):
    """N(theta, 4) to N(0, 1): the best critic climbs left of -theta and falls right of it."""
    shift = torch.tensor(theta, dtype=torch.float64, requires_grad=True)
    one = torch.distributions.Normal(torch.tensor(0.0).double(), 1.0)
    distance = wasserstein_quantiles(one.icdf, lambda u: shift + 2 * one.icdf(u), panels=2048)
    (gradient,) = torch.autograd.grad(distance, shift)
    falls = stats.norm.sf(-theta, loc=theta, scale=2)
    assert gradient.item() == pytest.approx(falls - (1 - falls), abs=2e-3)
    assert gradient.item() == pytest.approx(2 * stats.norm.cdf(theta) - 1, abs=2e-3)


def test_a_clipped_linear_critic_stands_in_a_corner():
    gap, bound = doubles(6).numpy(), 0.01
    found = optimize.linprog(-gap, bounds=[(-bound, bound)] * 6)
    np.testing.assert_allclose(found.x, bound * np.sign(gap))
    assert -found.fun == pytest.approx(bound * np.abs(gap).sum())


@pytest.mark.parametrize(("apart", "weight"), [(1.0, 10.0), (3.0, 0.5)])
def test_a_penalised_critic_is_steeper_than_one(apart, weight):
    """Between two points any slopes are allowed: search finds 1 + t / (2 lambda), all the way."""

    def lost(slopes: np.ndarray) -> float:
        return weight * np.mean((np.abs(slopes) - 1) ** 2) - apart * np.mean(slopes)

    found = optimize.minimize(lost, np.ones(8), tol=1e-12)
    steep = 1 + apart / (2 * weight)
    np.testing.assert_allclose(found.x, steep, atol=1e-4)
    assert -found.fun == pytest.approx(apart + apart**2 / (4 * weight))
    real, fake = torch.full((5, 1), apart).double(), torch.zeros(5, 1).double()
    penalty = GradientPenalty(weight)(lambda x: steep * x[:, 0], real, fake)
    value = steep * apart - penalty.mean().item()
    assert value == pytest.approx(apart + apart**2 / (4 * weight))


def test_a_potential_and_a_map_play_for_the_cost_of_transport():
    """max_f min_T E c(x, T(x)) - f(T(x)) + E f(y), where min over T is taken point by point."""
    cost = cost_matrix(doubles(6, 2), doubles(5, 2, seed=1))
    p, q = (torch.full((n,), 1 / n, dtype=torch.float64) for n in cost.shape)
    plan = transport_plan(cost, p, q)
    n, m = cost.shape
    rows = np.hstack([np.kron(np.eye(n), np.ones((m, 1))), np.kron(np.ones((n, 1)), np.eye(m))])
    gain = np.concatenate([p, q])
    found = optimize.linprog(-gain, A_ub=rows, b_ub=cost.flatten().numpy(), bounds=(None, None))
    potential = torch.from_numpy(found.x[n:])
    answers = cost - potential
    assert ((p * answers.min(1).values).sum() + q @ potential).item() == pytest.approx(-found.fun)
    assert -found.fun == pytest.approx((plan * cost).sum().item())
    slack = answers - answers.min(1, keepdim=True).values
    assert slack[plan > 1e-9].max() < 1e-9  # mass goes where the map may answer


@pytest.mark.parametrize("dims", [4, 100])
def test_normal_latents_live_on_a_shell(dims):
    """The norm of a sum with weights w is |w| times chi's; the middle of two is too short."""
    torch.manual_seed(0)
    z = torch.randn(20_000, 3, dims, dtype=torch.float64)
    weights = torch.tensor([1.0, -1.0, 1.0]).double()
    for mixed, scale in (
        (torch.einsum("k,nkd->nd", weights, z), math.sqrt(3)),
        (z[:, :2].mean(1), math.sqrt(0.5)),
    ):
        norms = mixed.norm(dim=1).numpy() / scale
        for share in (0.1, 0.5, 0.9):
            assert (norms < stats.chi.ppf(share, dims)).mean() == pytest.approx(share, abs=0.015)
    assert z[:, 0].square().sum(1).mean().item() == pytest.approx(dims, rel=0.02)
    assert z[:, 0].square().sum(1).var().item() == pytest.approx(2 * dims, rel=0.06)
