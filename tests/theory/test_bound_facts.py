"""What lecture 6 proves of bounds: by enumeration, quadrature and scipy."""

import itertools
import math

import numpy as np
import pytest
import torch
from scipy import integrate, optimize, stats

from pushforward.theory.gradient_signal import Line, leading_ratios, signal_to_noise
from pushforward.theory.importance_weighted import importance_bounds, resampled, resampled_log_prob

Q = np.array([0.25, 0.25, 0.5])
LABELS = np.array([0, 1, 2, 2])  # four equally likely names of three states: q as a plain mean
JOINT = np.array([0.06, 0.02, 0.01])  # p(x, z)
LOG_W = torch.from_numpy(np.log(JOINT / Q))
TRUTH = math.log(JOINT.sum())


def enumerated(k):
    """By hand: L_k, and the law of a draw picked out of k by its weight."""
    bound, picked = 0.0, np.zeros(3)
    for z in itertools.product(range(3), repeat=k):
        z = np.array(z)
        p, w = Q[z].prod(), (JOINT / Q)[z]
        bound += p * math.log(w.mean())
        np.add.at(picked, z, p * w / w.sum())
    return bound, picked


def law(k):
    """The library's q_IW, its mean over the other draws being over all there are."""
    others = list(itertools.product(LABELS, repeat=k - 1))
    rows = torch.tensor(others, dtype=torch.int64).view(len(others), k - 1)
    return resampled_log_prob(torch.from_numpy(np.log(Q)), LOG_W, LOG_W[rows]).exp().numpy()


@pytest.mark.parametrize("k", [1, 2, 4])
def test_picked_draws_have_the_law_of_q_iw(k):
    np.testing.assert_allclose(law(k), enumerated(k)[1], rtol=1e-10)


def test_q_iw_goes_from_q_to_the_posterior():
    np.testing.assert_allclose(law(1), Q)
    posterior = JOINT / JOINT.sum()
    gaps = [stats.entropy(law(k), posterior) for k in (1, 2, 4, 6)]
    assert all(a > 1.3 * b for a, b in itertools.pairwise(gaps))


def test_bounds_grow_with_k_below_that_of_q_iw_and_the_evidence():
    found = [enumerated(k) for k in (1, 2, 3, 5, 7)]
    rising = [bound for bound, _ in found]
    assert all(a < b < TRUTH for a, b in itertools.pairwise(rising))
    for bound, picked in found[1:]:
        elbo = (picked * np.log(JOINT / picked)).sum()
        assert bound < elbo < TRUTH


def test_the_gap_of_the_bound_is_half_the_relative_variance_over_k():
    relative = (JOINT**2 / Q).sum() / JOINT.sum() ** 2 - 1
    scaled = [2 * k * (TRUTH - enumerated(k)[0]) / relative for k in (2, 4, 8)]
    assert abs(scaled[-1] - 1) < 0.12
    assert abs(scaled[2] - 1) < abs(scaled[1] - 1) < abs(scaled[0] - 1)


def test_draws_of_bounds_and_of_resampling_are_those_enumerated():
    generator = np.random.default_rng(0)
    z = torch.from_numpy(generator.choice(3, size=60_000, p=Q))
    drawn = importance_bounds(LOG_W[z], 3)
    assert abs(drawn.mean() - enumerated(3)[0]) < 4 * drawn.std() / len(drawn) ** 0.5
    sets = z.view(3, -1, 1)
    picked = resampled(sets, LOG_W[sets[..., 0]]).flatten().bincount(minlength=3).numpy()
    expected = enumerated(3)[1] * picked.sum()
    assert stats.chisquare(picked, expected).pvalue > 1e-4


def moments(f):
    """Mean and standard deviation of a function of standard normal noise, by scipy."""
    first, second = (
        integrate.quad(lambda e, n=n: stats.norm.pdf(e) * f(e) ** n, -9, 9)[0] for n in (1, 2)
    )
    return first, math.sqrt(second - first**2)


@pytest.mark.parametrize("line", [Line(), Line(0.5, -0.2, 0.9, 1.0)])
def test_signal_to_noise_of_one_draw(line):
    """One draw's gradients are those of log p(z) and log p(x, z): their moments by scipy."""

    def z(e):
        return line.shift + line.scale * e

    found = signal_to_noise(line, 1, 100_000)
    for ratio, f in (
        (found.decoder, lambda e: z(e) - line.mean),
        (found.encoder, lambda e: line.mean + line.x - 2 * z(e)),
    ):
        mean, sd = moments(f)
        assert ratio == pytest.approx(abs(mean) / sd, abs=4 * math.sqrt(1.5 / 100_000))


def test_signal_grows_for_the_decoder_and_falls_for_the_encoder():
    line = Line(shift=1.2)
    few, many = (signal_to_noise(line, k, 20_000) for k in (16, 64))
    expected = leading_ratios(line, 64)
    assert many.decoder == pytest.approx(expected.decoder, rel=0.06)
    assert many.encoder == pytest.approx(expected.encoder, abs=4 / math.sqrt(20_000))
    assert many.decoder / few.decoder == pytest.approx(2, rel=0.1)
    assert few.encoder / many.encoder > 1.4
    with pytest.raises(ValueError, match="no second moment"):
        leading_ratios(Line(scale=0.5), 10)


def test_slopes_are_autograds():
    e = torch.tensor([0.7], dtype=torch.float64)
    numbers = [torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in (0.3, 0.4)]
    prior = torch.distributions.Normal(numbers[0], 1.0)
    q = torch.distributions.Normal(numbers[1], Line().scale)
    z = numbers[1] + Line().scale * e
    log_w = prior.log_prob(z) + torch.distributions.Normal(z, 1.0).log_prob(torch.tensor(1.0))
    log_w = log_w - q.log_prob(z)
    expected = torch.autograd.grad(log_w, numbers)
    for slope, one in zip(Line().slopes(e), expected):
        assert slope.item() == pytest.approx(one.item())
    assert Line().log_weight(e).item() == pytest.approx(log_w.item())


def test_noise_bounds_the_likelihood_of_integers():
    """P(x) of a normal rounded down, against E log p(x + u) for uniform and for other noise."""
    model, x = stats.norm(0.7, 0.4), 0
    exact = math.log(model.cdf(x + 1) - model.cdf(x))

    def bound(q):
        return integrate.quad(lambda u: q.pdf(u) * (model.logpdf(x + u) - q.logpdf(u)), 0, 1)[0]

    uniform, better = bound(stats.uniform()), bound(stats.beta(1.6, 1.3))
    assert uniform < better < exact

    def gap(u):
        return -(model.logpdf(x + u) - exact)

    assert exact - uniform == pytest.approx(integrate.quad(gap, 0, 1)[0])


def test_more_noise_tightens_the_bound_to_the_likelihood_of_integers():
    model = stats.norm(0.7, 0.4)
    exact = math.log(model.cdf(1) - model.cdf(0))
    u = torch.rand(64_000, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    log_w = torch.from_numpy(model.logpdf(u.numpy()))
    means = [importance_bounds(log_w, k).mean().item() for k in (1, 4, 16, 256)]
    assert all(a < b for a, b in itertools.pairwise(means))
    assert means[-1] == pytest.approx(exact, abs=0.005)


def test_the_rate_is_information_and_the_distance_of_the_mean_posterior():
    """On tables: mean KL(q(z|x) || p) = I(x; z) + KL(q(z) || p), by scipy's entropies."""
    rows = np.random.default_rng(0).dirichlet(np.ones(5), size=4)
    prior = np.random.default_rng(1).dirichlet(np.ones(5))
    mean = rows.mean(0)
    rate = np.mean([stats.entropy(row, prior) for row in rows])
    information = stats.entropy(mean) - np.mean([stats.entropy(row) for row in rows])
    assert rate == pytest.approx(information + stats.entropy(mean, prior))
    assert 0 < information < math.log(4)


def test_no_prior_is_better_than_the_mean_posterior():
    """Search finds it: the least mean rate over all tables is at q(z), and is the information."""
    rows = np.random.default_rng(2).dirichlet(np.ones(4), size=6)

    def rate(logits):
        prior = np.exp(logits - np.logaddexp.reduce(logits))
        return np.mean([stats.entropy(row, prior) for row in rows])

    found = optimize.minimize(rate, np.zeros(4), tol=1e-10)
    best = np.exp(found.x) / np.exp(found.x).sum()
    np.testing.assert_allclose(best, rows.mean(0), atol=1e-4)
    information = stats.entropy(rows.mean(0)) - np.mean([stats.entropy(row) for row in rows])
    assert found.fun == pytest.approx(information, abs=1e-7)
