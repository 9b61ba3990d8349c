"""Transport against scipy's distances, enumeration of permutations, duality and closed forms."""

import itertools
import math

import pytest
import torch
from scipy import stats
from scipy.spatial.distance import cdist
from torch.distributions import Normal

from pushforward.objectives import gaussians, kernels, sinkhorn, transport


def points(n, m, dims=2, seed=0):
    g = torch.Generator().manual_seed(seed)
    x = torch.randn(n, dims, generator=g, dtype=torch.float64)
    return x, torch.randn(m, dims, generator=g, dtype=torch.float64) * 0.7 + 0.5


def test_line_against_scipy_with_and_without_weights():
    x, y = (t[:, 0] for t in points(7, 11))
    u, v = torch.rand(7).double().softmax(0), torch.rand(11).double().softmax(0)
    assert transport.wasserstein_line(x, y).item() == pytest.approx(
        stats.wasserstein_distance(x, y)
    )
    assert transport.wasserstein_line(x, y, 1, u, v).item() == pytest.approx(
        stats.wasserstein_distance(x, y, u, v)
    )


@pytest.mark.parametrize("power", [1.0, 2.0, 3.0])
def test_line_against_the_linear_program(power):
    x, y = points(5, 8, dims=1)
    p, q = torch.rand(5).double().softmax(0), torch.rand(8).double().softmax(0)
    cost = transport.cost_matrix(x, y, power)
    expected = (transport.transport_plan(cost, p, q) * cost).sum() ** (1 / power)
    actual = transport.wasserstein_line(x[:, 0], y[:, 0], power, p, q)
    torch.testing.assert_close(actual, expected)


def test_line_has_the_gradient_of_its_value():
    x, y = points(6, 9, dims=1)
    x = x[:, 0].requires_grad_()
    assert torch.autograd.gradcheck(lambda t: transport.wasserstein_line(t, y[:, 0], 2), x)


def test_quantiles_reach_the_gaussian_closed_forms():
    p, q = Normal(torch.tensor(0.3).double(), 1.1), Normal(torch.tensor(-0.4).double(), 1.4)
    one = gaussians.wasserstein1_line(p.loc, p.scale, q.loc, q.scale)
    two = gaussians.wasserstein2_diagonal(*(t[None] for t in (p.loc, p.scale, q.loc, q.scale)))
    for power, expected in ((1.0, one), (2.0, two)):
        actual = transport.wasserstein_quantiles(p.icdf, q.icdf, power)
        torch.testing.assert_close(actual, expected, rtol=1e-6, atol=1e-6)


def test_plan_is_the_best_permutation():
    x, y = points(5, 5)
    cost = transport.cost_matrix(x, y)
    totals = (
        sum(cost[i, j] for i, j in enumerate(order)).item() / 5
        for order in itertools.permutations(range(5))
    )
    assert transport.wasserstein(x, y).item() ** 2 == pytest.approx(min(totals))


def test_plan_has_its_marginals_and_samples_approach_the_bures_distance():
    x, y = points(100, 100)
    p, q = torch.rand(4).double().softmax(0), torch.rand(6).double().softmax(0)
    plan = transport.transport_plan(torch.rand(4, 6), p, q)
    torch.testing.assert_close(plan.sum(1), p)
    torch.testing.assert_close(plan.sum(0), q)
    truth = math.sqrt(2 * (0.5**2 + 0.3**2))
    assert transport.wasserstein(x, y).item() == pytest.approx(truth, abs=0.2)


def test_wasserstein_gradient_moves_a_shifted_set_straight():
    x, _ = points(6, 1)
    shifted = (x + torch.tensor([0.2, 0.0]).double()).requires_grad_()
    value = transport.wasserstein(x, shifted)
    value.backward()
    assert value.item() == pytest.approx(0.2)
    expected = torch.tensor([1 / 6, 0.0]).double().expand(6, 2)
    torch.testing.assert_close(shifted.grad, expected)


def test_sinkhorn_plan_solves_its_own_problem():
    x, y = points(6, 8)
    cost = transport.cost_matrix(x, y)
    p, q = torch.rand(6).double().softmax(0), torch.rand(8).double().softmax(0)
    plan = sinkhorn.entropic_plan(cost, p, q, 0.3)
    torch.testing.assert_close(plan.sum(1), p, atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(plan.sum(0), q, atol=1e-6, rtol=1e-5)
    primal = (plan * cost).sum() + 0.3 * (plan * (plan / (p[:, None] * q)).log()).sum()
    dual = sinkhorn.entropic_cost(cost, p, q, 0.3)
    torch.testing.assert_close(primal, dual, atol=1e-6, rtol=1e-6)


def test_sinkhorn_divergence_ends_at_transport_and_at_energy():
    x, y = points(12, 12)
    exact = transport.wasserstein(x, y) ** 2
    near = sinkhorn.sinkhorn_divergence(x, y, 0.01, rounds=3000)
    torch.testing.assert_close(near, exact, rtol=0.03, atol=0)
    # With the cost |x - y| the far end is half of MMD^2 with -|x - y|: of the energy distance.
    far = sinkhorn.sinkhorn_divergence(x, y, 1e4, power=1.0)
    torch.testing.assert_close(far, kernels.energy_distance(x, y) / 2, rtol=1e-3, atol=0)


def test_sinkhorn_is_debiased_and_differentiable():
    x, y = points(8, 8)
    assert sinkhorn.sinkhorn_divergence(x, x, 0.5).abs().item() < 1e-9
    x.requires_grad_()
    (corner,) = torch.autograd.grad(sinkhorn.sinkhorn_divergence(x, y, 0.5, power=1.0), x)
    assert corner.isfinite().all()
    (slope,) = torch.autograd.grad(sinkhorn.sinkhorn_divergence(x, y, 0.5), x)
    step = 1e-5 * torch.randn_like(x)
    with torch.no_grad():
        up, down = (sinkhorn.sinkhorn_divergence(x + s * step, y, 0.5) for s in (1, -1))
    assert (slope * step).sum().item() == pytest.approx((up - down).item() / 2, rel=2e-3)


def test_sinkhorn_does_not_underflow_in_float32():
    x, y = (t.float() * 100 for t in points(10, 10))
    value = sinkhorn.sinkhorn_divergence(x, y, 1.0, rounds=5000)
    assert value.isfinite()
    assert value.item() == pytest.approx(transport.wasserstein(x, y).item() ** 2, rel=0.02)


def test_energy_distance_against_scipy():
    x, y = points(15, 9, dims=1)
    expected = stats.energy_distance(x[:, 0], y[:, 0]) ** 2
    assert kernels.energy_distance(x, y).item() == pytest.approx(expected)


KERNELS = {
    "gaussian": (kernels.gaussian(0.8, 2.0), lambda d: math.exp(-d / 1.28) + math.exp(-d / 8)),
    "rational": (kernels.rational_quadratic(0.5), lambda d: (1 + d) ** -0.5),
}


@pytest.mark.parametrize("name", KERNELS)
def test_mmd_by_loops(name):
    x, y = points(6, 4)
    kernel, by_hand = KERNELS[name]

    def average(a, b, same):
        squared = cdist(a, b, "sqeuclidean")
        pairs = [
            by_hand(squared[i, j])
            for i in range(len(a))
            for j in range(len(b))
            if not same or i != j
        ]
        return sum(pairs) / len(pairs)

    expected = average(x, x, True) + average(y, y, True) - 2 * average(x, y, False)
    assert kernels.mmd2(x, y, kernel).item() == pytest.approx(expected, abs=1e-12)


def test_polynomial_kernel_of_degree_one_compares_means():
    x, y = points(30, 20)
    expected = ((x.mean(0) - y.mean(0)) ** 2).sum() / 2
    actual = kernels.mmd2_biased(x, y, kernels.polynomial(1))
    torch.testing.assert_close(actual, expected)


def test_unbiased_mmd_is_zero_on_average_and_the_biased_is_not():
    torch.manual_seed(0)
    pairs = torch.randn(200, 2, 20, 2, dtype=torch.float64)
    kernel = kernels.gaussian(1.0)
    values = torch.stack([kernels.mmd2(x, y, kernel) for x, y in pairs])
    biased = torch.stack([kernels.mmd2_biased(x, y, kernel) for x, y in pairs])
    assert values.mean().abs() < 4 * values.std() / math.sqrt(200)
    assert biased.mean() > 10 * values.std() / math.sqrt(200)


def test_mmd_of_gaussians_is_the_closed_form():
    # E k over two independent N: (1 + 2/s^2)^(-1/2) exp(-d^2 / 2(s^2 + 2)) on the line.
    torch.manual_seed(0)
    x, y = torch.randn(2000, 1).double(), torch.randn(2000, 1).double() + 1
    expected = 2 * 3**-0.5 * (1 - math.exp(-1 / 6))
    assert kernels.mmd2(x, y, kernels.gaussian(1.0)).item() == pytest.approx(expected, abs=0.015)


def test_distances_far_from_the_origin_keep_their_digits():
    x, y = (t.float() + 1e4 for t in points(5, 5))
    expected = torch.from_numpy(cdist(x.double(), y.double(), "sqeuclidean")).float()
    torch.testing.assert_close(kernels.squared_distances(x, y), expected, rtol=1e-4, atol=1e-5)


def test_median_bandwidth():
    x = torch.tensor([[0.0], [1.0]])
    assert kernels.median_bandwidth(x, torch.tensor([[3.0], [7.0]])) == 3.0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x, y: kernels.mmd2(x[:1], y, kernels.gaussian()), "x must hold at least 2"),
        (lambda x, y: kernels.energy_distance(x, y[:, :1]), "same features, not 2 and 1"),
        (lambda x, y: kernels.gaussian(-1.0), "a bandwidth must be positive"),
        (lambda x, y: kernels.energy_distance(x.long(), y), "float samples"),
        (lambda x, y: transport.wasserstein_line(x, y), r"x must be float samples \(n,\)"),
        (lambda x, y: transport.cost_matrix(x, y, 0.5), "k of at least 1, not 0.5"),
        (lambda x, y: sinkhorn.sinkhorn_divergence(x, y, 0.0), "eps must be positive"),
        (
            lambda x, y: transport.transport_plan(torch.ones(2, 3), torch.ones(2), torch.ones(3)),
            "p must sum to 1",
        ),
        (
            lambda x, y: transport.transport_plan(
                torch.ones(2, 3), torch.ones(2) / 2, torch.ones(2) / 2
            ),
            "needs p",
        ),
    ],
)
def test_bad_inputs_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call(*points(3, 4))
