"""What lecture 3 proves of evidence, bounds and inference, by quadrature and search."""

import math

import numpy as np
import pytest
import torch
from scipy import integrate, optimize, stats
from torch.distributions import Normal

from pushforward.objectives.gaussians import kl_full
from pushforward.theory import information, mean_field, relative_variance
from pushforward.theory.gradient_estimators import normal, reparametrised, score_function


def some_covariance(dims=3):
    root = torch.randn(dims, dims).double()
    return root @ root.T + 0.3 * torch.eye(dims).double()


@pytest.mark.parametrize(("x", "noise"), [(0.3, 0.5), (-1.4, 0.2)])
def test_variance_of_the_naive_evidence_is_a_chi_square(x, noise):
    """By quadrature: E p(x|z)^2 / p(x)^2 - 1 = int p(z|x)^2 / p(z) dz - 1."""
    likelihood = stats.norm(0, 1).pdf

    def weight(z):
        return stats.norm.pdf(x, z, noise)

    first = integrate.quad(lambda z: weight(z) * likelihood(z), -8, 8, points=[x])[0]
    second = integrate.quad(lambda z: weight(z) ** 2 * likelihood(z), -8, 8, points=[x])[0]
    found = relative_variance(torch.tensor([x]).double(), noise).item()
    assert found == pytest.approx(second / first**2 - 1, rel=1e-6)
    mean, scale = x / (1 + noise**2), noise / math.sqrt(1 + noise**2)
    chi2 = integrate.quad(
        lambda z: stats.norm.pdf(z, mean, scale) ** 2 / likelihood(z), -8, 8, points=[x]
    )
    assert found == pytest.approx(chi2[0] - 1, rel=1e-6)


@pytest.mark.parametrize("noise", [0.1, 0.5, 1.0])
def test_variance_grows_with_the_exponential_of_the_information(noise):
    x = torch.randn(50, 6).double() * math.sqrt(1 + noise**2)
    bound = torch.expm1(information(x, noise))
    assert (relative_variance(x, noise) >= bound).all()


def test_information_is_the_kl_of_posterior_to_prior():
    x, noise = torch.tensor([0.7]).double(), 0.5
    posterior = Normal(x / (1 + noise**2), noise / math.sqrt(1 + noise**2))
    expected = torch.distributions.kl_divergence(posterior, Normal(0 * x, 1.0)).sum()
    torch.testing.assert_close(information(x, noise), expected)


def test_log_of_an_unbiased_estimate_is_too_low_on_average():
    """E log p_hat <= log p, here for draws from the prior in one dimension."""
    x, noise = torch.tensor(1.0).double(), 0.3
    z = torch.randn(20_000, 5).double()
    estimates = Normal(z, noise).log_prob(x).logsumexp(1) - math.log(5)
    truth = Normal(0.0, math.sqrt(1 + noise**2)).log_prob(x)
    gap = truth - estimates.mean()
    assert gap > 5 * estimates.std() / math.sqrt(20_000)


def test_evidence_is_the_bound_and_the_gap():
    """log p(x) = E_q[log p(x, z) - log q(z)] + KL(q || p(z | x)) for any q: by quadrature."""
    x, noise, q = 0.8, 0.4, stats.norm(0.2, 0.7)

    def bound(z):
        joint = stats.norm.logpdf(z) + stats.norm.logpdf(x, z, noise)
        return q.pdf(z) * (joint - q.logpdf(z))

    elbo = integrate.quad(bound, -8, 8)[0]
    mean, scale = x / (1 + noise**2), noise / math.sqrt(1 + noise**2)
    gap = math.log(scale / 0.7) + (0.7**2 + (0.2 - mean) ** 2) / (2 * scale**2) - 0.5
    assert elbo + gap == pytest.approx(stats.norm.logpdf(x, 0, math.sqrt(1 + noise**2)))


def test_derivative_of_an_expectation_by_the_logarithm():
    """d/dm E_{N(m, 1)} sin z = E[sin z (z - m)] = E[cos z]: three integrals."""
    m = 0.4

    def mean(f, at=m):
        return integrate.quad(lambda z: f(z) * stats.norm.pdf(z, at), -9, 9)[0]

    slope = (mean(np.sin, m + 1e-4) - mean(np.sin, m - 1e-4)) / 2e-4
    assert mean(lambda z: math.sin(z) * (z - m)) == pytest.approx(slope, abs=1e-6)
    assert mean(np.cos) == pytest.approx(slope, abs=1e-6)


@pytest.mark.parametrize("dims", [2, 8])
def test_how_much_the_slope_is_worth(dims):
    """Variances of both gradients of E |z|^2 / D by the first mean: 4 / D^2, (D+2)(D+4) / D^2."""
    phi = torch.zeros(2 * dims).double()
    both = [
        estimate(normal, phi, lambda z: z.square().mean(-1), 200_000)[:, 0].var().item()
        for estimate in (reparametrised, score_function)
    ]
    assert both[0] == pytest.approx(4 / dims**2, rel=0.03)
    assert both[1] == pytest.approx((dims + 2) * (dims + 4) / dims**2, rel=0.1)


def test_squared_error_is_a_likelihood():
    """The best variance of a decoder is its mean squared error; weight 1 stands for 1/2."""
    x, guess = torch.randn(500).double(), torch.tensor(0.3, dtype=torch.float64)
    half = torch.tensor(0.5, dtype=torch.float64)

    def nll(log_variance):
        return -Normal(guess, math.exp(log_variance / 2)).log_prob(x).sum().item()

    best = optimize.minimize_scalar(nll, bounds=(-5, 5), method="bounded").x
    assert math.exp(best) == pytest.approx((x - guess).square().mean().item(), rel=1e-3)
    gap = (-Normal(guess, half.sqrt()).log_prob(x) - (x - guess).square()).std()
    assert gap < 1e-12


def test_mean_field_lowers_the_kl_and_finds_the_best_factors():
    mean, cov = torch.randn(3).double(), some_covariance()
    found = mean_field(mean, cov, torch.zeros(3).double(), sweeps=200)
    kl = found.kl(mean, cov)
    assert (kl.diff() <= 1e-10).all()
    torch.testing.assert_close(found.path[-1], mean, atol=1e-4, rtol=0)

    def cost(t):
        m, s = torch.tensor(t[:3]), torch.tensor(np.exp(t[3:]))
        return kl_full(m, s.diag(), mean, cov).item()

    best = optimize.minimize(cost, np.zeros(6))
    np.testing.assert_allclose(np.exp(best.x[3:]), found.variance, rtol=1e-2)
    assert (found.variance <= cov.diagonal() + 1e-12).all()


def test_mean_field_update_is_the_exponential_of_the_mean_logarithm():
    """On a table: q_1 ~ exp E_{q_2} log p, and no other q_1 has a lower KL."""
    p = torch.distributions.Dirichlet(torch.ones(12).double()).sample().view(4, 3)
    q2 = torch.distributions.Dirichlet(torch.ones(3).double()).sample()
    best = torch.softmax(p.log() @ q2, 0)

    def kl(q1):
        q = torch.outer(q1, q2)
        return (q * (q.log() - p.log())).sum()

    others = torch.distributions.Dirichlet(torch.ones(4).double()).sample((200,))
    assert all(kl(best) <= kl(q1) for q1 in others)


def test_best_low_rank_covariance_keeps_the_first_eigenvalues():
    """Among W W' + s2 I of rank 1 in 3 dimensions: no random one beats the closed form."""
    s = some_covariance()
    values, vectors = torch.linalg.eigh(s)
    noise = values[:2].mean()
    top = (values[2] - noise).sqrt() * vectors[:, 2:]

    def cost(w, s2):
        c = w @ w.T + s2 * torch.eye(3).double()
        return torch.logdet(c) + torch.trace(torch.linalg.solve(c, s))

    best = cost(top, noise)
    for _ in range(300):
        w = top + 0.3 * torch.randn(3, 1).double()
        assert best <= cost(w, noise * (0.3 * torch.randn(()).double()).exp())


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="noise"):
        relative_variance(torch.zeros(1, 2), 0.0)
    with pytest.raises(ValueError, match="cov"):
        mean_field(torch.zeros(2), -torch.eye(2), torch.zeros(2))
