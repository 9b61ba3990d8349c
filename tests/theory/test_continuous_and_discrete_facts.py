"""Flows in time, traces by probes and discrete draws of lecture 12: scipy and enumeration."""

import itertools
import math

import numpy as np
import pytest
import torch
from scipy import integrate, stats
from torch.distributions import MultivariateNormal
from torch.nn import functional as F

from pushforward.probability.divergence import projected_divergence
from pushforward.probability.gumbel import Relaxed
from pushforward.theory.linear_flow_in_time import carried_gaussian, carried_log_prob


def doubles(*shape: int, seed: int = 0) -> torch.Tensor:
    g = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=g, dtype=torch.float64)


def test_a_density_carried_by_a_linear_field_loses_the_trace():
    """Against scipy's solver of the path, and the density of the Gaussian that it becomes."""
    matrix, root = doubles(3, 3), doubles(3, 3, seed=1)
    mean, cov = doubles(3, seed=2), root @ root.T + torch.eye(3).double()
    start = MultivariateNormal(mean, cov)
    x = doubles(4, 3, seed=3)
    there, log_prob = carried_log_prob(x, start.log_prob(x), matrix, 0.7)
    for a, b in zip(x, there):
        path = integrate.solve_ivp(
            lambda t, y: matrix.numpy() @ y, (0, 0.7), a.numpy(), rtol=1e-10, atol=1e-12
        )
        np.testing.assert_allclose(path.y[:, -1], b.numpy(), rtol=1e-7)
    end = MultivariateNormal(*carried_gaussian(mean, cov, matrix, 0.7))
    torch.testing.assert_close(end.log_prob(there), log_prob)
    with pytest.raises(ValueError, match="square matrix"):
        carried_log_prob(x, log_prob, doubles(3, 2))


def test_density_along_a_curved_path_is_that_of_the_continuity_equation():
    """dx/dt = sin x + t: the path with its trace against the slope of the inverse flow."""

    def end(x: float) -> float:
        found = integrate.solve_ivp(lambda t, y: np.sin(y) + t, (0, 1), [x], rtol=1e-11, atol=1e-12)
        return float(found.y[0, -1])

    for x in (-1.3, 0.2, 2.0):
        both = integrate.solve_ivp(
            lambda t, y: [np.sin(y[0]) + t, -np.cos(y[0])], (0, 1), [x, 0.0], rtol=1e-11, atol=1e-12
        )
        stretch = (end(x + 1e-4) - end(x - 1e-4)) / 2e-4
        assert both.y[1, -1] == pytest.approx(-math.log(stretch), abs=1e-6)


def test_a_continuous_flow_of_the_line_keeps_the_order():
    """No field whatever turns x into -x: paths would have to cross."""
    starts = np.linspace(-2, 2, 9)
    for seed in range(4):
        a = doubles(3, seed=seed).numpy()
        found = integrate.solve_ivp(
            lambda t, y, a=a: a[0] * np.sin(3 * y + 5 * t) + a[1] * np.cos(y) - a[2] * y,
            (0, 1), starts, rtol=1e-8, atol=1e-10,
        )  # fmt: skip
        assert (np.diff(found.y[:, -1]) > 0).all()


def test_hutchinsons_variance_for_signs_and_for_normals():
    """Signs by enumeration; normals by Gauss-Hermite products, exact for degree 4."""
    matrix = doubles(3, 3)
    symmetric = (matrix + matrix.T) / 2
    signs = torch.tensor(list(itertools.product([-1.0, 1.0], repeat=3))).double()
    x = torch.zeros(1, 3).double()
    each = torch.stack([projected_divergence(lambda y: y @ matrix.T, x, e[None, None])[1][0]
                        for e in signs])  # fmt: skip
    assert each.mean().item() == pytest.approx(matrix.trace().item())
    off = symmetric.square().sum() - symmetric.diagonal().square().sum()
    assert each.var(correction=0).item() == pytest.approx(2 * off.item())
    nodes, weights = np.polynomial.hermite_e.hermegauss(3)
    grid = torch.tensor(list(itertools.product(nodes, repeat=3)))
    mass = torch.tensor([math.prod(w) for w in itertools.product(weights, repeat=3)])
    mass = mass / mass.sum()
    values = torch.einsum("ni,ij,nj->n", grid, matrix, grid)
    mean = mass @ values
    assert mean.item() == pytest.approx(matrix.trace().item())
    variance = mass @ (values - mean) ** 2
    assert variance.item() == pytest.approx(2 * symmetric.square().sum().item())
    assert off < symmetric.square().sum()


def test_the_largest_of_perturbed_logits_is_a_draw_and_its_height_says_nothing_of_which():
    """P(k wins and the height is below h) = pi_k P(height < h), by quadrature with scipy."""
    logits = doubles(4).numpy()
    pi, total = np.exp(logits) / np.exp(logits).sum(), np.log(np.exp(logits).sum())
    for k in range(4):
        others = np.delete(logits, k)

        def density(h: float, k: int = k, others: np.ndarray = others) -> float:
            return stats.gumbel_r.pdf(h - logits[k]) * stats.gumbel_r.cdf(h - others).prod()

        assert integrate.quad(density, -20, 60)[0] == pytest.approx(pi[k])
        below = integrate.quad(density, -20, 0.8)[0]
        assert below == pytest.approx(pi[k] * stats.gumbel_r.cdf(0.8 - total))


def test_a_relaxed_draw_prefers_the_class_of_the_hard_one():
    logits = doubles(4).expand(500, 4)
    winners = []
    for temperature in (0.1, 1.0, 10.0):
        torch.manual_seed(0)
        winners.append(Relaxed()(logits, temperature).argmax(1))
    assert all(torch.equal(winners[0], w) for w in winners)
    assert len(winners[0].unique()) > 1


@pytest.mark.parametrize("degree", [1, 2, 3])
def test_straight_through_is_right_for_linear_losses_alone(degree):
    """The mean estimate, by enumerating classes, against the gradient of the enumerated mean."""
    values = torch.tensor([0.3, -1.2, 2.0, 0.7]).double()

    def loss(z: torch.Tensor) -> torch.Tensor:
        return (z @ values) ** degree

    logits = doubles(4).requires_grad_()
    hard = torch.eye(4).double()
    pi = logits.softmax(0)
    (exact,) = torch.autograd.grad(pi @ loss(hard), logits, retain_graph=True)
    estimate = torch.zeros(4).double()
    for k in range(4):
        through = pi + (hard[k] - pi).detach()
        (one,) = torch.autograd.grad(loss(through), logits, retain_graph=True)
        estimate += pi[k].detach() * one
    jacobian = torch.diag(pi) - torch.outer(pi, pi)
    slopes = torch.autograd.functional.jacobian(loss, hard)  # (4, 4, 4): of each class alone
    mean_slope = torch.einsum("k,kki->i", pi, slopes)
    torch.testing.assert_close(estimate, (jacobian @ mean_slope).detach())
    bias = (estimate - exact).norm().item()
    assert bias < 1e-12 if degree == 1 else bias > 0.1


def test_what_a_prior_of_codes_costs_is_their_entropy_and_what_it_has_not_learned():
    codes = torch.randint(5, (400,), generator=torch.Generator().manual_seed(0))
    shares = torch.bincount(codes, minlength=5).double() / 400
    prior = doubles(5).softmax(0)
    cost = -prior.log()[codes].mean().item()
    expected = stats.entropy(shares.numpy()) + stats.entropy(shares.numpy(), prior.numpy())
    assert cost == pytest.approx(expected)
    assert F.cross_entropy(prior.log().expand(400, 5), codes).item() == pytest.approx(cost)
    assert stats.entropy(shares.numpy()) < cost
    assert stats.entropy(shares.numpy()) < math.log(5)  # what a uniform prior costs
