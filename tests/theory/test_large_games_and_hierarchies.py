"""What lecture 11 proves of attention, truncation, ratios and hierarchies."""

import math

import pytest
import torch
from scipy import integrate, optimize, stats

from pushforward.models.latent.ladder_vae import joined
from pushforward.nn.self_attention import SelfAttention


def test_attention_does_not_know_places():
    torch.manual_seed(0)
    net = SelfAttention(16).double()
    for p in net.parameters():
        torch.nn.init.normal_(p)
    h, order = torch.randn(2, 16, 1, 12).double(), torch.randperm(12)
    torch.testing.assert_close(net(h)[..., order], net(h[..., order]))
    assert (net(h) - h).abs().max() > 0.1


@pytest.mark.parametrize("t", [0.5, 1.5])
def test_a_truncated_normal_costs_its_chance_and_is_narrower(t):
    cut = stats.truncnorm(-t, t)

    def integrand(z):
        return cut.pdf(z) * (cut.logpdf(z) - stats.norm.logpdf(z))

    cost = integrate.quad(integrand, -t, t)[0]
    chance = math.erf(t / math.sqrt(2))
    assert cost == pytest.approx(-math.log(chance))
    assert cut.var() == pytest.approx(1 - 2 * t * stats.norm.pdf(t) / chance)


def test_the_slope_of_the_best_critic_has_mean_zero():
    """E_q[d/dm log q(z)] = 0, so a critic may be held fixed while q moves: by quadrature."""
    m, s = 0.7, 0.6

    def best(z, m):
        return stats.norm.logpdf(z, m, s) - stats.norm.logpdf(z)

    def slope(z):
        return stats.norm.pdf(z, m, s) * (best(z, m + 1e-5) - best(z, m - 1e-5)) / 2e-5

    assert integrate.quad(slope, -9, 9)[0] == pytest.approx(0, abs=1e-7)


def test_the_contrast_with_qs_moments_leaves_least_to_tell():
    """Over normals r, KL(q || r) is least at the mean and deviation of q, a mixture."""

    def q(z):
        return 0.3 * stats.norm.pdf(z, -1, 0.5) + 0.7 * stats.norm.pdf(z, 2, 0.8)

    def left(r):
        return integrate.quad(
            lambda z: q(z) * (math.log(q(z)) - stats.norm.logpdf(z, r[0], math.exp(r[1]))), -8, 9
        )[0]

    found = optimize.minimize(left, [0.0, 0.0], method="BFGS").x
    mean = 0.3 * -1 + 0.7 * 2
    square = 0.3 * (1 + 0.25) + 0.7 * (4 + 0.64)
    assert found[0] == pytest.approx(mean, abs=1e-3)
    assert math.exp(2 * found[1]) == pytest.approx(square - mean**2, abs=1e-3)
    whole = integrate.quad(lambda z: q(z) * (math.log(q(z)) - stats.norm.logpdf(z)), -8, 9)[0]
    first = left((0.5, 0.2))
    second = integrate.quad(
        lambda z: q(z) * (stats.norm.logpdf(z, 0.5, math.exp(0.2)) - stats.norm.logpdf(z)), -8, 9
    )[0]
    assert first + second == pytest.approx(whole)


def test_a_levels_posterior_is_prior_times_what_the_data_say():
    """z1 ~ N(a, s^2), x ~ N(z1, e^2): Bayes' rule by quadrature against the joined normal."""
    a, s, e, x = 0.4, 0.9, 0.5, 1.7
    numbers = (torch.tensor(v).double() for v in (x, e, a, s))
    x_, e_, a_, s_ = numbers
    found = joined(torch.distributions.Normal(x_, e_), torch.distributions.Normal(a_, s_))

    def both(z, power=0):
        return z**power * stats.norm.pdf(z, a, s) * stats.norm.pdf(x, z, e)

    total, first, second = (integrate.quad(both, -9, 9, args=(k,))[0] for k in range(3))
    assert found.loc.item() == pytest.approx(first / total)
    assert found.variance.item() == pytest.approx(second / total - (first / total) ** 2)
