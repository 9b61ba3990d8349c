"""Theorems of critics, topologies and moments against search, linear programs, LAPACK and numpy."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import linalg, optimize
from torch.nn import functional as F

from pushforward.metrics.frechet import frechet_distance
from pushforward.objectives.f_divergences import PEARSON
from pushforward.objectives.transport import wasserstein
from pushforward.theory.disjoint_supports import parallel_lines, shifted_intervals
from pushforward.theory.equal_moments import frechet_of_moments, sigma_points
from pushforward.theory.least_squares_game import (
    least_squares_critic,
    least_squares_optimum,
    least_squares_value,
    triangular_discrimination,
)
from pushforward.theory.lipschitz_constants import (
    convolution_norm,
    power_iteration,
    product_bound,
    reshaped_bounds,
)
from pushforward.theory.order_of_topologies import ordered_distances
from pushforward.theory.slopes_along_transport import best_critic, transport_lines


def doubles(*shape: int, seed: int = 0) -> torch.Tensor:
    g = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=g, dtype=torch.float64)


class TestLeastSquares:
    @pytest.mark.parametrize(("a", "b", "c"), [(0, 1, 1), (-1, 1, 0), (0, 1, 0.3), (2, -1, 5)])
    def test_the_best_critic_is_found_by_search_and_gives_the_closed_form(self, a, b, c):
        p, q = doubles(2, 6).softmax(-1)
        found = optimize.minimize(
            lambda s: (0.5 * (p * (torch.from_numpy(s) - b) ** 2).sum()
                       + 0.5 * (q * (torch.from_numpy(s) - a) ** 2).sum()).item(),
            [0.0] * 6,
            tol=1e-14,
        )  # fmt: skip
        critic = least_squares_critic(p, q, a, b)
        torch.testing.assert_close(torch.from_numpy(found.x), critic, atol=1e-5, rtol=0)
        value = least_squares_value(critic, p, q, c)
        torch.testing.assert_close(value, least_squares_optimum(p, q, a, b, c))

    def test_the_papers_choice_is_half_a_pearson_chi_square(self):
        p, q = doubles(2, 6, seed=1).softmax(-1)
        # PEARSON.discrete(p, q) is int (p - q)^2 / q: of 2 q against p + q, both halved.
        pearson = 2 * PEARSON.discrete(q, (p + q) / 2)
        torch.testing.assert_close(least_squares_optimum(p, q, -1, 1, 0), pearson / 2)

    def test_it_is_least_where_the_two_agree(self):
        p = doubles(6, seed=2).softmax(-1)
        assert triangular_discrimination(p, p).item() == 0
        assert least_squares_optimum(p, p, 0, 1, 1).item() == pytest.approx(0.25)
        with pytest.raises(ValueError, match="two scores"):
            least_squares_critic(p, p, 1, 1)

    def test_where_nothing_is_the_critic_is_finite(self):
        p, q = torch.tensor([1.0, 0.0, 0.0]), torch.tensor([0.0, 1.0, 0.0])
        assert least_squares_critic(p, q).tolist() == [1.0, 0.0, 0.5]
        assert triangular_discrimination(p, q).item() == 2


class TestOrder:
    @settings(max_examples=25, deadline=None)
    @given(seed=st.integers(0, 10_000), sharp=st.floats(0.1, 6.0))
    def test_every_inequality_holds(self, seed, sharp):
        p, q = (sharp * doubles(2, 5, seed=seed)).softmax(-1)
        points = doubles(5, 2, seed=seed + 1)
        found = ordered_distances(p, q, torch.cdist(points, points))
        for name, (left, right) in found.bounds().items():
            assert left <= right + 1e-9, name

    def test_none_can_be_turned_round(self):
        near = torch.tensor([1e-3], dtype=torch.float64)
        lines, intervals = parallel_lines(near), shifted_intervals(near)
        assert lines.wasserstein1.item() == pytest.approx(1e-3)
        assert lines.jensen_shannon.item() == pytest.approx(math.log(2))
        assert intervals.jensen_shannon.item() < 1e-3
        assert intervals.kl.item() == math.inf

    def test_bounds_are_reached(self):
        p, q = torch.tensor([1.0, 0.0]).double(), torch.tensor([0.0, 1.0]).double()
        cost = torch.tensor([[0.0, 3.0], [3.0, 0.0]])
        found = ordered_distances(p, q, cost)
        assert found.wasserstein1 == pytest.approx(found.diameter * found.total_variation)
        assert found.jensen_shannon == pytest.approx(math.log(2) * found.total_variation)


class TestSlopes:
    x, y = doubles(12, 2), doubles(9, 2, seed=1) + 1.5

    def test_the_critic_reaches_the_distance_and_is_1_lipschitz(self):
        critic = best_critic(self.x, self.y)
        gain = critic(self.x).mean() - critic(self.y).mean()
        assert gain.item() == pytest.approx(wasserstein(self.x, self.y, 1).item(), rel=1e-9)
        z = 3 * doubles(200, 2, seed=2)
        steps = (critic(z)[:, None] - critic(z)[None]).abs()
        assert (steps <= torch.cdist(z, z) + 1e-9).all()

    def test_its_slope_on_transport_lines_is_one_and_points_to_the_data(self):
        critic = best_critic(self.x, self.y)
        x, y = transport_lines(self.x, self.y)
        for share in (0.1, 0.5, 0.9):
            z = (y + share * (x - y)).requires_grad_()
            value = critic(z)
            expected = critic(y) + share * (x - y).norm(dim=1)
            torch.testing.assert_close(value, expected, atol=1e-8, rtol=0)
            (slope,) = torch.autograd.grad(value.sum(), z)
            torch.testing.assert_close(slope, F.normalize(x - y, dim=1), atol=1e-6, rtol=0)

    def test_elsewhere_lines_between_data_and_fakes_are_less_steep(self):
        critic = best_critic(self.x, self.y)
        gains = critic(self.x)[:, None] - critic(self.y)[None]
        assert (gains < 0.9 * torch.cdist(self.x, self.y)).any()


class TestLipschitz:
    def test_a_product_is_at_most_the_product_of_norms(self):
        a, b = doubles(5, 4), doubles(6, 5, seed=1)
        bound = product_bound([a, b])
        expected = np.linalg.svd(a.numpy(), compute_uv=False)[0]
        expected *= np.linalg.svd(b.numpy(), compute_uv=False)[0]
        assert bound.item() == pytest.approx(expected)
        assert torch.linalg.svdvals(b @ a)[0] < bound
        u, s, v = torch.linalg.svd(a)
        aligned = v.mT[:, :1] @ u[:, :1].mT  # takes the most stretched direction up again
        assert torch.linalg.svdvals(aligned @ a)[0].item() == pytest.approx(s[0].item())

    def test_power_iteration_has_lapacks_value_and_the_rate_of_the_theorem(self):
        u, _, v = torch.linalg.svd(doubles(6, 4), full_matrices=False)
        matrix = u @ torch.diag(torch.tensor([2.0, 1.6, 0.5, 0.1]).double()) @ v
        start = doubles(6, seed=3)
        errors = [2 - power_iteration(matrix, k, start)[0].item() for k in (8, 9)]
        assert 0 < errors[1] < errors[0] < 0.01
        assert errors[1] / errors[0] == pytest.approx((1.6 / 2) ** 4, rel=0.02)
        sigma, left, right = power_iteration(matrix, 200, start)
        assert sigma.item() == pytest.approx(torch.linalg.svdvals(matrix)[0].item())
        torch.testing.assert_close(matrix @ right, sigma * left)

    def test_a_convolutions_norm_is_that_of_its_matrix(self):
        kernel = doubles(3, 2, 3, 3)
        eye = torch.eye(2 * 30, dtype=torch.float64).reshape(-1, 2, 5, 6)
        wrapped = F.pad(eye, (1, 1, 1, 1), mode="circular")
        matrix = F.conv2d(wrapped, kernel).flatten(1)
        expected = linalg.svdvals(matrix.numpy())[0]
        assert convolution_norm(kernel, 5, 6).item() == pytest.approx(expected)
        low, high = reshaped_bounds(kernel)
        assert low < expected < high

    def test_what_is_no_matrix_or_kernel_is_told(self):
        with pytest.raises(ValueError, match="at least one layer"):
            product_bound([])
        with pytest.raises(ValueError, match="of a matrix"):
            power_iteration(doubles(3, 2, 2), 3)
        with pytest.raises(ValueError, match="3 numbers"):
            power_iteration(doubles(3, 2), 3, doubles(2))
        with pytest.raises(ValueError, match="at most 2 x 8"):
            convolution_norm(doubles(3, 2, 3, 3), 2, 8)


class TestMoments:
    x = doubles(400, 3) @ doubles(3, 3, seed=1) + doubles(3, seed=2)

    def test_it_is_scipys_root_and_the_metric(self):
        y = doubles(400, 3, seed=5).exp()
        moments = [(s.mean(0), torch.cov(s.T)) for s in (self.x, y)]
        (m1, c1), (m2, c2) = moments
        root = linalg.sqrtm(c1.numpy() @ c2.numpy()).real
        gap = (m1 - m2).square().sum().item()
        expected = gap + c1.trace().item() + c2.trace().item() - 2 * np.trace(root)
        found = frechet_of_moments(m1, c1, m2, c2).item()
        assert found == pytest.approx(expected)
        assert found == pytest.approx(frechet_distance(self.x, y).value)

    def test_six_points_have_distance_zero_to_four_hundred(self):
        points = sigma_points(self.x.mean(0), torch.cov(self.x.T), degrees=5)
        torch.testing.assert_close(torch.cov(points.T), torch.cov(self.x.T))
        torch.testing.assert_close(points.mean(0), self.x.mean(0))
        assert frechet_distance(points, self.x).value == pytest.approx(0, abs=1e-9)
        assert wasserstein(points, self.x).item() > 0.5

    def test_it_is_at_most_the_squared_w2_and_equal_for_affine_images(self):
        few = self.x[:60]
        other = doubles(60, 3, seed=7).abs()
        weight = 1 / 60
        moments = [(s.mean(0), torch.cov(s.T, correction=0)) for s in (few, other)]
        bound = frechet_of_moments(*moments[0], *moments[1]).item()
        assert bound < wasserstein(few, other).item() ** 2
        # A symmetric positive definite map is optimal (Brenier), and no bound is left.
        root = torch.diag(torch.tensor([2.0, 0.5, 1.0]).double())
        image = few @ root + 1
        ends = [(s.mean(0), torch.cov(s.T, correction=0)) for s in (few, image)]
        exact = (few - image).square().sum().item() * weight
        assert frechet_of_moments(*ends[0], *ends[1]).item() == pytest.approx(exact)
        assert wasserstein(few, image).item() ** 2 == pytest.approx(exact)
