"""Theorems of GANs against enumeration, quadrature, autograd and scipy."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats
from scipy.spatial.distance import jensenshannon
from torch.distributions import Normal, Uniform

from pushforward.objectives import f_divergences as fd
from pushforward.objectives.quadrature import divergence_on_line
from pushforward.theory.best_discriminator import (
    jensen_shannon_from_value,
    optimal_discriminator,
    optimal_logit,
    optimal_value,
    value,
    value_discrete,
)
from pushforward.theory.disjoint_supports import noisy_lines, parallel_lines, shifted_intervals
from pushforward.theory.vanishing_gradients import (
    gradients_at_optimum,
    non_saturating,
    saturating,
    slopes,
)

LOG4 = math.log(4)


def numbers(*values):
    return torch.tensor(values, dtype=torch.float64)


def rows(outcomes=5, seed=0):
    g = torch.Generator().manual_seed(seed)
    return torch.randn(2, outcomes, generator=g, dtype=torch.float64).softmax(-1)


def test_optimal_discriminator_is_found_by_search():
    p, q = rows()
    found = optimize.minimize(
        lambda logits: -value_discrete(torch.from_numpy(logits), p, q).item(), [0.0] * 5, tol=1e-12
    )
    d = optimal_discriminator(p.log(), q.log())
    torch.testing.assert_close(d, p / (p + q))
    torch.testing.assert_close(torch.sigmoid(torch.from_numpy(found.x)), d, atol=1e-5, rtol=0)
    assert -found.fun == pytest.approx(optimal_value(p, q).item(), abs=1e-10)


def test_optimal_value_is_two_jsd_less_log_four():
    p, q = rows(seed=1)
    jsd = jensenshannon(p, q) ** 2
    assert optimal_value(p, q).item() == pytest.approx(2 * jsd - LOG4)
    at_optimum = value_discrete(optimal_logit(p.log(), q.log()), p, q)
    assert at_optimum.item() == pytest.approx(2 * jsd - LOG4)
    assert jensen_shannon_from_value(at_optimum).item() == pytest.approx(jsd)
    assert optimal_value(p, p).item() == pytest.approx(-LOG4)
    assert optimal_value(numbers(1, 0), numbers(0, 1)).item() == pytest.approx(0)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(-6, 6), min_size=5, max_size=5))
def test_every_discriminator_shows_at_most_the_jsd(logits):
    p, q = rows()
    shown = jensen_shannon_from_value(value_discrete(numbers(*logits), p, q))
    assert shown.item() <= fd.JENSEN_SHANNON.discrete(p, q).item() + 1e-12


def test_sure_discriminator_of_disjoint_outcomes_reaches_zero():
    p, q = numbers(1, 0), numbers(0, 1)
    sure = numbers(math.inf, -math.inf)
    assert value_discrete(sure, p, q).item() == 0


def test_value_from_samples_estimates_the_optimal_value():
    torch.manual_seed(0)
    p, q = Normal(numbers(0.0)[0], 1.0), Normal(numbers(1.0)[0], 1.0)
    x, y = p.sample((100_000,)), q.sample((100_000,))
    logits = [optimal_logit(p.log_prob(t), q.log_prob(t)) for t in (x, y)]
    expected = divergence_on_line(fd.GAN, p.log_prob, q.log_prob, -12, 12)
    assert value(*logits).item() == pytest.approx(expected.item(), abs=0.005)


def test_slopes_are_those_of_autograd():
    logits = torch.linspace(-8, 8, 9, dtype=torch.float64, requires_grad=True)
    for loss, slope in zip((saturating, non_saturating), slopes(logits), strict=True):
        (expected,) = torch.autograd.grad(loss(logits).sum(), logits)
        torch.testing.assert_close(slope, expected)


@pytest.mark.parametrize("t", [0.3, 1.0, 2.5])
def test_gradients_are_those_of_the_divergences(t):
    # grad 2 JSD and grad [KL(q || p) - 2 JSD] by central differences of integrals; KL = t^2 / 2 s2.
    s, h = 1.3, 1e-4

    def jsd(shift):
        p, q = Normal(numbers(0.0)[0], s), Normal(numbers(shift)[0], s)
        return divergence_on_line(fd.JENSEN_SHANNON, p.log_prob, q.log_prob, -20, 20).item()

    twice = 2 * (jsd(t + h) - jsd(t - h)) / (2 * h)
    first, second = gradients_at_optimum(numbers(t), s)
    assert first.item() == pytest.approx(twice, abs=1e-8)
    assert second.item() == pytest.approx(t / s**2 - twice, abs=1e-8)


def test_saturating_gradient_dies_and_the_other_grows():
    shifts = numbers(2.0, 4.0, 8.0)
    first, second = gradients_at_optimum(shifts)
    assert first[2] < 1e-3 * first[0]
    # E_q[D*] is asymptotically below exp(-t^2 / 8), Bhattacharyya's coefficient.
    assert (first < shifts * torch.exp(-(shifts**2) / 8)).all()
    torch.testing.assert_close(second[2], shifts[2], rtol=1e-3, atol=0)
    assert (gradients_at_optimum(numbers(0.0))[0] == 0).all()


def test_parallel_lines_of_the_paper():
    shift = numbers(-0.5, 0.0, 2.0).requires_grad_()
    d = parallel_lines(shift)
    assert d.kl.tolist() == d.reverse_kl.tolist() == [math.inf, 0, math.inf]
    assert d.jensen_shannon.tolist() == pytest.approx([math.log(2), 0, math.log(2)])
    assert d.total_variation.tolist() == [1, 0, 1]
    assert d.wasserstein1.tolist() == [0.5, 0, 2]
    (w,) = torch.autograd.grad(d.wasserstein1.sum(), shift, retain_graph=True)
    (j,) = torch.autograd.grad(d.jensen_shannon.sum(), shift)
    assert w.tolist() == [-1, 0, 1]
    assert j.tolist() == [0, 0, 0]


@pytest.mark.parametrize("t", [0.25, -0.75, 1.5])
def test_shifted_intervals_by_integration(t):
    p, q = stats.uniform(0, 1), stats.uniform(t, 1)

    def log(density):
        return lambda x: torch.from_numpy(density.pdf(x.numpy())).log()

    d = shifted_intervals(numbers(t))
    # Panels whose ends are those of the intervals: 1 / 16 divides all of them.
    for divergence, actual in (
        (fd.KL, d.kl),
        (fd.REVERSE_KL, d.reverse_kl),
        (fd.JENSEN_SHANNON, d.jensen_shannon),
        (fd.TOTAL_VARIATION, d.total_variation),
    ):
        expected = divergence_on_line(divergence, log(p), log(q), -1.0, 3.0, panels=64)
        torch.testing.assert_close(actual[0], expected)
    u = torch.linspace(0.005, 0.995, 100).double()
    expected = stats.wasserstein_distance(Uniform(0, 1).icdf(u), Uniform(t, t + 1).icdf(u))
    assert d.wasserstein1.item() == pytest.approx(expected, rel=1e-5)


def test_noise_mends_the_divergences():
    shift = numbers(0.0, 0.4, 3.0, 100.0)
    d = noisy_lines(shift, 0.5)
    assert d.kl.tolist() == pytest.approx([0, 0.32, 18, 20_000])
    for i in (1, 2):
        p, q = Normal(numbers(0.0)[0], 0.5), Normal(shift[i], 0.5)
        for divergence, actual in (
            (fd.KL, d.kl),
            (fd.JENSEN_SHANNON, d.jensen_shannon),
            (fd.TOTAL_VARIATION, d.total_variation),
        ):
            expected = divergence_on_line(divergence, p.log_prob, q.log_prob, -8, 12)
            torch.testing.assert_close(actual[i], expected, atol=1e-5, rtol=1e-5)
    assert d.jensen_shannon[0].item() == pytest.approx(0, abs=1e-15)
    assert d.jensen_shannon[3].item() == pytest.approx(math.log(2))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: optimal_logit(torch.zeros(2), torch.zeros(3)), "must have one shape"),
        (lambda: optimal_value(numbers(0.5, 0.6), numbers(0.5, 0.5)), "must sum to 1"),
        (lambda: gradients_at_optimum(numbers(1.0), 0.0), "scale must be positive"),
        (lambda: noisy_lines(numbers(1.0), -1.0), "noise must be positive"),
    ],
)
def test_bad_inputs_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
