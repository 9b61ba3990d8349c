"""Generators, conjugates and discrete divergences against scipy, enumeration and one another."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, special
from scipy.spatial.distance import jensenshannon

from pushforward.objectives import f_divergences as fd
from pushforward.objectives.alpha import alpha_divergence, renyi

ALPHAS = tuple(alpha_divergence(alpha) for alpha in (-3.0, -1.0, -0.4, 0.0, 0.7, 1.0, 3.0))
ALL = fd.F_DIVERGENCES + ALPHAS
named = pytest.mark.parametrize("d", ALL, ids=lambda d: d.name)


def real(*values):
    return torch.tensor(values, dtype=torch.float64)


def rows(count=4, outcomes=6, seed=0):
    g = torch.Generator().manual_seed(seed)
    return torch.rand(2, count, outcomes, generator=g, dtype=torch.float64).softmax(-1)


GENERATORS = {  # the paper's table 1 (with the halves its integrals have), written out
    "kl": lambda u: u * np.log(u),
    "reverse-kl": lambda u: -np.log(u),
    "pearson": lambda u: (u - 1) ** 2,
    "neyman": lambda u: (1 - u) ** 2 / u,
    "squared-hellinger": lambda u: (np.sqrt(u) - 1) ** 2,
    "jensen-shannon": lambda u: (u * np.log(u) - (u + 1) * np.log((1 + u) / 2)) / 2,
    "gan": lambda u: u * np.log(u) - (u + 1) * np.log(u + 1),
    "total-variation": lambda u: np.abs(u - 1) / 2,
}


@pytest.mark.parametrize("d", fd.F_DIVERGENCES, ids=lambda d: d.name)
def test_generators_are_those_of_the_table(d):
    u = np.array([1e-3, 0.2, 0.9, 1.0, 1.7, 40.0])
    np.testing.assert_allclose(d.generator(torch.from_numpy(u)), GENERATORS[d.name](u), atol=1e-12)


@named
@settings(max_examples=25, deadline=None)
@given(log_u=st.floats(-4, 4))
def test_derivative_is_the_slope_of_the_generator(d, log_u):
    if d is fd.TOTAL_VARIATION and abs(log_u) < 1e-3:
        return
    u = real(math.exp(log_u)).requires_grad_()
    (slope,) = torch.autograd.grad(d.generator(u).sum(), u)
    torch.testing.assert_close(d.derivative(u), slope, rtol=1e-8, atol=1e-8)


@named
@settings(max_examples=15, deadline=None)
@given(v=st.floats(-2.5, 2.5))
def test_conjugate_is_the_supremum(d, v):
    # Where a ratio u of e^-8 .. e^8 is the best, scipy's bounded search finds it.
    u_star = math.exp(v)
    t = d.derivative(real(u_star)).item()

    def negative(log_u):
        u = math.exp(log_u)
        return d.generator(real(u)).item() - u * t

    found = optimize.minimize_scalar(negative, bounds=(-8, 8), options={"xatol": 1e-10})
    assert d.conjugate(real(t)).item() == pytest.approx(-found.fun, abs=1e-7, rel=1e-7)


@named
@settings(max_examples=30, deadline=None)
@given(v=st.floats(-6, 6), log_u=st.floats(-6, 6))
def test_activation_enters_the_domain_and_fenchel_young_holds(d, v, log_u):
    t, u = d.activation(real(v)), real(math.exp(log_u))
    assert d.domain[0] <= t.item() <= d.domain[1]
    assert (u * t - d.conjugate(t)).item() <= d.generator(u).item() + 1e-9


@named
def test_activation_increases(d):
    values = d.activation(torch.linspace(-5, 5, 50, dtype=torch.float64))
    assert (values.diff() > 0).all()


@named
def test_limits_are_the_prices_of_missing_mass(d):
    tiny, huge = real(1e-150), real(1e150)
    for price, near in ((d.at_zero, d.generator(tiny)), (d.at_infinity, d.generator(huge) / huge)):
        # An infinite price is approached as slowly as a logarithm, 345 at 1e150.
        assert near.item() > 340 if price == math.inf else near.item() == pytest.approx(price)


@named
def test_discrete_bound_is_below_and_tight_at_the_optimum(d):
    p, q = rows()
    truth = d.discrete(p, q)
    best = d.derivative(p / q)
    tight = (p * best).sum(-1) - (q * d.conjugate(best)).sum(-1)
    torch.testing.assert_close(tight, truth, atol=1e-12, rtol=1e-10)
    for seed in range(20):
        torch.manual_seed(seed)
        t = d.activation(torch.randn_like(p))
        assert ((p * t).sum(-1) - (q * d.conjugate(t)).sum(-1) <= truth + 1e-12).all()


def test_discrete_against_scipy():
    p, q = rows()
    m = (p + q) / 2
    kl = torch.from_numpy(special.rel_entr(p.numpy(), q.numpy()).sum(-1))
    torch.testing.assert_close(fd.KL.discrete(p, q), kl)
    torch.testing.assert_close(fd.REVERSE_KL.discrete(q, p), kl)
    jsd = torch.from_numpy(jensenshannon(p.numpy(), q.numpy(), axis=-1) ** 2)
    torch.testing.assert_close(fd.JENSEN_SHANNON.discrete(p, q), jsd)
    torch.testing.assert_close(fd.GAN.discrete(p, q), 2 * jsd - math.log(4))
    torch.testing.assert_close(fd.PEARSON.discrete(p, q), ((p - q) ** 2 / q).sum(-1))
    torch.testing.assert_close(fd.NEYMAN.discrete(p, q), ((p - q) ** 2 / p).sum(-1))
    hellinger = 2 - 2 * (p * q).sqrt().sum(-1)
    torch.testing.assert_close(fd.SQUARED_HELLINGER.discrete(p, q), hellinger)
    torch.testing.assert_close(fd.TOTAL_VARIATION.discrete(p, m), (p - q).abs().sum(-1) / 4)


def test_total_variation_is_the_largest_difference_of_any_event():
    p, q = rows(count=1)
    events = torch.cartesian_prod(*[real(0, 1)] * 6)
    assert fd.TOTAL_VARIATION.discrete(p, q).item() == pytest.approx(
        (events @ (p - q)[0]).max().item()
    )


def test_alpha_family_passes_through_the_others():
    p, q = rows()
    at = {alpha: alpha_divergence(alpha).discrete(p, q) for alpha in (-3, -1, 0, 1, 3)}
    torch.testing.assert_close(at[1], fd.KL.discrete(p, q))
    torch.testing.assert_close(at[-1], fd.KL.discrete(q, p))
    torch.testing.assert_close(at[0], 2 * fd.SQUARED_HELLINGER.discrete(p, q))
    torch.testing.assert_close(at[3], fd.PEARSON.discrete(p, q) / 2)
    torch.testing.assert_close(at[-3], fd.NEYMAN.discrete(p, q) / 2)


@pytest.mark.parametrize("end", [1.0, -1.0])
def test_alpha_converges_to_the_two_kls(end):
    p, q = rows()
    kl = fd.KL.discrete(p, q) if end > 0 else fd.KL.discrete(q, p)
    for gap in (1e-2, 1e-4, 1e-9):
        near = alpha_divergence(end * (1 - gap)).discrete(p, q)
        torch.testing.assert_close(near, kl, rtol=2 * gap, atol=1e-9)


@pytest.mark.parametrize("alpha", [-0.5, 0.0, 0.6, 1.0, 2.2])
def test_renyi_by_its_definition(alpha):
    p, q = rows()
    a = (1 + alpha) / 2
    direct = (p**a * q ** (1 - a)).sum(-1).log() / (a - 1) if a != 1 else fd.KL.discrete(p, q)
    torch.testing.assert_close(renyi(alpha_divergence(alpha).discrete(p, q), alpha), direct)
    with pytest.raises(ValueError, match="must be positive"):
        renyi(real(1.0), -1.5)


def test_disjoint_supports_reach_the_ends():
    p, q = real(0.3, 0.7, 0.0, 0.0), real(0.0, 0.0, 0.5, 0.5)
    top = {"jensen-shannon": math.log(2), "total-variation": 1, "squared-hellinger": 2, "gan": 0}
    for d in fd.F_DIVERGENCES:
        assert d.discrete(p, q).item() == pytest.approx(top.get(d.name, math.inf), abs=1e-12)


def test_zeros_of_both_cost_nothing_and_leave_gradients_finite():
    p, q = real(0.5, 0.5, 0.0).requires_grad_(), real(0.25, 0.75, 0.0)
    for d in ALL:
        value = d.discrete(p, q)
        assert value.item() == pytest.approx(d.discrete(p[:2], q[:2]).item())
        assert torch.autograd.grad(value, p)[0].isfinite().all()


def test_bound_by_samples_is_the_mean_difference():
    t_p, t_q = real(0.1, 0.3), real(-0.2, 0.4, 0.1)
    expected = 0.2 - np.exp(np.array([-1.2, -0.6, -0.9])).mean()
    assert fd.KL.bound(t_p, t_q).item() == pytest.approx(expected)


def test_log_ratio_form_survives_overflowing_ratios():
    log_p, log_q = real(-12.0), real(-1250.0)
    assert fd.KL.integrand(log_p, log_q).item() == pytest.approx(1238 * math.exp(-12))
    assert fd.JENSEN_SHANNON.integrand(log_p, log_q).item() == pytest.approx(
        math.exp(-12) * math.log(2) / 2
    )


@pytest.mark.parametrize(
    ("p", "q", "message"),
    [
        ([0.5, 0.6], [0.5, 0.5], "p must sum to 1, but one is off by 0.1"),
        ([0.5, 0.5], [1.5, -0.5], "q must not be negative or NaN, but holds -0.5"),
        ([0.5, 0.5], [0.2, 0.3, 0.5], "must have one shape"),
        ([float("nan"), 1.0], [0.5, 0.5], "negative or NaN"),
    ],
)
def test_bad_probabilities_are_refused(p, q, message):
    with pytest.raises(ValueError, match=message):
        fd.KL.discrete(real(*p), real(*q))


def test_alpha_must_be_finite():
    with pytest.raises(ValueError, match="alpha must be a finite number"):
        alpha_divergence(math.inf)
