"""Closed forms of Gaussians = torch.distributions = quadrature = Monte Carlo within its error."""

import math

import pytest
import torch
from scipy import integrate, linalg, stats
from torch.distributions import MultivariateNormal, Normal, kl_divergence

from pushforward.objectives import f_divergences as fd
from pushforward.objectives import gaussians, monte_carlo
from pushforward.objectives.alpha import alpha_divergence
from pushforward.objectives.quadrature import divergence_on_line, grid, integral


def numbers(*values):
    return torch.tensor(values, dtype=torch.float64)


P, Q = Normal(numbers(0.3)[0], 1.1), Normal(numbers(-0.2)[0], 1.2)
ALL = (*fd.F_DIVERGENCES, *(alpha_divergence(a) for a in (-2.0, -1.0, 0.3, 1.0, 2.0)))
named = pytest.mark.parametrize("d", ALL, ids=lambda d: d.name)


def pair(dims=3, seed=0):
    g = torch.Generator().manual_seed(seed)
    mean_p, mean_q = torch.randn(2, dims, generator=g, dtype=torch.float64)
    a = torch.randn(2, dims, dims, generator=g, dtype=torch.float64)
    cov_p, cov_q = a @ a.mT / dims + 0.5 * torch.eye(dims, dtype=torch.float64)
    return mean_p, cov_p, mean_q, cov_q


def on_line(d, p=P, q=Q):
    return divergence_on_line(d, p.log_prob, q.log_prob, -40.0, 40.0)


def test_kl_against_torch():
    mean_p, cov_p, mean_q, cov_q = pair()
    expected = kl_divergence(MultivariateNormal(mean_p, cov_p), MultivariateNormal(mean_q, cov_q))
    torch.testing.assert_close(gaussians.kl_full(mean_p, cov_p, mean_q, cov_q), expected)
    scale_p, scale_q = cov_p.diagonal().sqrt(), cov_q.diagonal().sqrt()
    expected = kl_divergence(Normal(mean_p, scale_p), Normal(mean_q, scale_q)).sum()
    actual = gaussians.kl_diagonal(mean_p, scale_p, mean_q, scale_q)
    torch.testing.assert_close(actual, expected)


def test_batches_of_gaussians():
    means = torch.randn(2, 4, 3, dtype=torch.float64)
    cov = torch.eye(3, dtype=torch.float64).expand(4, 3, 3) * numbers(1, 2, 3, 4).view(4, 1, 1)
    scales = cov.diagonal(dim1=-2, dim2=-1).sqrt()
    for full, diagonal in (
        (gaussians.kl_full, gaussians.kl_diagonal),
        (gaussians.wasserstein2_full, gaussians.wasserstein2_diagonal),
    ):
        expected = diagonal(means[0], scales, means[1], scales * 1.5)
        actual = full(means[0], cov, means[1], cov * 1.5**2)
        assert actual.shape == (4,)
        torch.testing.assert_close(actual, expected)


@named
def test_quadrature_against_scipy(d):
    def integrand(x):
        return d.integrand(P.log_prob(numbers(x)), Q.log_prob(numbers(x))).item()

    # The kink of |p - q| is given to quad as a point.
    crossing = numbers(*torch.linspace(-3, 3, 13)).tolist()
    expected, _ = integrate.quad(integrand, -20, 20, limit=300, points=crossing)
    assert on_line(d).item() == pytest.approx(expected, abs=1e-5 if "total" in d.name else 1e-9)


@pytest.mark.parametrize("a", [0.5, 2.0, -0.3, 1.4])
def test_power_integral_against_quadrature(a):
    log_integral = gaussians.log_power_integral_diagonal(
        a, numbers(0.3), numbers(1.1), numbers(-0.2), numbers(1.2)
    )
    direct = integral(lambda x: (a * P.log_prob(x) + (1 - a) * Q.log_prob(x)).exp(), -30.0, 30.0)
    torch.testing.assert_close(log_integral.exp(), direct)


def test_alpha_closed_form_equals_quadrature():
    for alpha in (-2.0, 0.3, 3.0):
        log_integral = gaussians.log_power_integral(
            (1 + alpha) / 2, numbers(0.3), numbers(1.21)[None], numbers(-0.2), numbers(1.44)[None]
        )
        closed = gaussians.alpha_from_power_integral(log_integral, alpha)
        torch.testing.assert_close(closed, on_line(alpha_divergence(alpha)), rtol=1e-8, atol=1e-9)


def test_full_power_integral_by_cholesky_of_the_textbook_form():
    mean_p, cov_p, mean_q, cov_q = pair()
    for a in (0.5, 0.8):
        mixed = (1 - a) * cov_p + a * cov_q
        delta = mean_p - mean_q
        expected = -a * (1 - a) / 2 * delta @ torch.linalg.solve(mixed, delta) - 0.5 * (
            mixed.logdet() - (1 - a) * cov_p.logdet() - a * cov_q.logdet()
        )
        actual = gaussians.log_power_integral(a, mean_p, cov_p, mean_q, cov_q)
        torch.testing.assert_close(actual, expected)


def test_chi_square_diverges_below_half_the_variance():
    means = numbers(0.0), numbers(0.0)
    for variance, finite in ((0.51, True), (0.49, False)):
        scale = numbers(variance).sqrt()
        value = gaussians.log_power_integral_diagonal(2.0, means[0], numbers(1.0), means[1], scale)
        assert value.isfinite().item() is finite


def test_total_variation_of_shifted_gaussians():
    value = gaussians.total_variation(numbers(0.3), numbers(-0.4), numbers(1.21)[None])
    other = Normal(numbers(-0.4), 1.1)
    expected = on_line(fd.TOTAL_VARIATION, P, other)
    torch.testing.assert_close(value, expected, rtol=0, atol=1e-5)


@named
def test_monte_carlo_hits_the_integral_from_both_sides(d):
    torch.manual_seed(1)
    truth = on_line(d).item()
    x_p, x_q = P.sample((40_000,)), Q.sample((40_000,))
    for estimate in (
        monte_carlo.over_p(d, P.log_prob(x_p), Q.log_prob(x_p)),
        monte_carlo.over_q(d, P.log_prob(x_q), Q.log_prob(x_q)),
    ):
        assert estimate.within(truth), f"{estimate} against {truth}"
        assert estimate.stderr < 0.07 * max(abs(truth), 0.1)


def test_standard_error_is_the_spread_of_repeated_estimates():
    torch.manual_seed(2)
    x = P.sample((300, 200))
    log_p, log_q = P.log_prob(x), Q.log_prob(x)
    for estimator in (monte_carlo.kl_plain, monte_carlo.kl_nonnegative, monte_carlo.kl_regressed):
        runs = [estimator(a, b) for a, b in zip(log_p, log_q, strict=True)]
        spread = numbers(*(run.value for run in runs)).std().item()
        claimed = numbers(*(run.stderr for run in runs)).mean().item()
        assert claimed == pytest.approx(spread, rel=0.15)


@pytest.mark.parametrize(("shift", "scale"), [(0.1, 1.0), (0.7, 1.27), (0.0, 3.0), (2.0, 0.8)])
def test_kl_estimators_agree_and_the_regressed_one_is_quietest(shift, scale):
    torch.manual_seed(3)
    p, q = Normal(numbers(0.0), 1.0), Normal(numbers(shift), scale)
    truth = kl_divergence(p, q).item()
    x = p.sample((20_000,))[:, 0]
    logs = p.log_prob(x), q.log_prob(x)
    plain, sure = monte_carlo.kl_plain(*logs), monte_carlo.kl_nonnegative(*logs)
    fitted = monte_carlo.kl_regressed(*logs)
    assert plain.within(truth)
    assert fitted.within(truth)
    assert fitted.stderr <= min(plain.stderr, sure.stderr) * 1.001
    if (shift, scale) == (0.1, 1.0):  # near each other: the error falls with the KL itself
        assert sure.stderr < plain.stderr / 10


def test_wide_q_breaks_the_nonnegative_estimator_and_not_the_regressed():
    torch.manual_seed(0)
    p, q = Normal(numbers(0.0), 1.0), Normal(numbers(0.0), 3.0)
    x = p.sample((5_000,))[:, 0]
    logs = p.log_prob(x), q.log_prob(x)
    assert monte_carlo.kl_nonnegative(*logs).stderr > 2 * monte_carlo.kl_plain(*logs).stderr


def test_equal_densities_give_exactly_zero():
    log_p = torch.randn(10)
    for estimator in (monte_carlo.kl_plain, monte_carlo.kl_nonnegative, monte_carlo.kl_regressed):
        assert estimator(log_p, log_p).value == 0


def test_jensen_shannon_from_two_sets_of_samples():
    torch.manual_seed(4)
    x, y = P.sample((30_000,)), Q.sample((20_000,))
    logs = (P.log_prob(x), Q.log_prob(x), P.log_prob(y), Q.log_prob(y))
    estimate = monte_carlo.jensen_shannon(*logs)
    assert estimate.within(on_line(fd.JENSEN_SHANNON).item())
    assert estimate.stderr < 1e-3


def test_wasserstein1_on_the_line_by_quantiles():
    for scale in (1.4, 1.1, 0.2):
        expected, _ = integrate.quad(
            lambda u, s=scale: abs(stats.norm.ppf(u, 0.3, 1.1) - stats.norm.ppf(u, -0.4, s)),
            0, 1, limit=500,
        )  # fmt: skip
        actual = gaussians.wasserstein1_line(
            numbers(0.3), numbers(1.1), numbers(-0.4), numbers(scale)
        )
        assert actual.item() == pytest.approx(expected, rel=1e-5)


def test_wasserstein2_against_the_matrix_square_root():
    mean_p, cov_p, mean_q, cov_q = pair()
    cross = torch.from_numpy(linalg.sqrtm((cov_p @ cov_q).numpy()).real).trace()
    expected = ((mean_p - mean_q) ** 2).sum() + cov_p.trace() + cov_q.trace() - 2 * cross
    actual = gaussians.wasserstein2_full(mean_p, cov_p, mean_q, cov_q)
    torch.testing.assert_close(actual**2, expected)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: gaussians.kl_diagonal(*[torch.zeros(2)] * 4), "scale_p must be positive"),
        (lambda: gaussians.kl_full(*[torch.zeros(2, 2)] * 4), "cov_p must be positive definite"),
        (
            lambda: gaussians.kl_full(torch.zeros(2), torch.tensor([[1.0, 0.5], [0, 1]]), 0, 0),
            "cov_p must be symmetric",
        ),
        (lambda: gaussians.alpha_from_power_integral(torch.zeros(()), 1.0), "is a KL"),
        (lambda: divergence_on_line(fd.KL, P.log_prob, Q.log_prob, -1, 1), "p has a mass of 0.6"),
        (lambda: grid(1.0, 0.0), "finite ends low < high"),
        (lambda: monte_carlo.kl_plain(torch.zeros(3), torch.zeros(4)), "must have one shape"),
        (lambda: monte_carlo.mean(torch.zeros(1)), "n >= 2"),
    ],
)
def test_bad_inputs_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e9])
def test_a_covariance_is_judged_in_its_own_units(dtype, scale):
    axes = torch.randn(5, 3, dtype=dtype)
    flat = axes @ axes.mT * scale  # singular, though rounding may say otherwise
    units = torch.tensor([1e-4, 1e-2, 1.0, 1e2, 1e4], dtype=dtype)
    sound = torch.eye(5, dtype=dtype) * units * scale
    skew = sound + scale * 1e2 * torch.eye(5, dtype=dtype).roll(1, 0)
    mean = torch.zeros(5, dtype=dtype)
    assert gaussians.kl_full(mean, sound, mean, sound).abs() < 1e-5
    with pytest.raises(ValueError, match="cov_p must be positive definite"):
        gaussians.kl_full(mean, flat, mean, sound)
    with pytest.raises(ValueError, match="cov_q must be symmetric"):
        gaussians.kl_full(mean, sound, mean, skew)


def test_quadrature_of_densities_with_bounded_support():
    p = stats.uniform(0, 2)
    q = stats.uniform(1, 2)

    def log(density):
        return lambda x: torch.from_numpy(density.pdf(x.numpy())).log()

    assert divergence_on_line(fd.KL, log(p), log(q), -1.0, 4.0, 500).item() == math.inf
    jsd = divergence_on_line(fd.JENSEN_SHANNON, log(p), log(q), -1.0, 4.0, 500)
    assert jsd.item() == pytest.approx(math.log(2) / 2)
