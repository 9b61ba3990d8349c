"""What lecture 7 proves of priors, collapse and disentanglement: by search, tables and scipy."""

import itertools
import math

import numpy as np
import pytest
import torch
from scipy import optimize, stats
from torch.autograd.functional import jacobian
from torch.distributions import Beta, Normal, Uniform

from pushforward.metrics.disentanglement import mutual_information_gap
from pushforward.theory.entangling import entangled, full_turn
from pushforward.theory.water_filling import filled_error, filled_information, filled_scales


def parts(numbers, variance, noise):
    """Distortion without its constant, and rate, of one direction of a linear VAE."""
    w, m, log_s = numbers
    s2 = math.exp(2 * log_s)
    error = (1 - w * m) ** 2 * variance + w**2 * s2
    return error / (2 * noise), (m**2 * variance + s2 - 1) / 2 - log_s, error


@pytest.mark.parametrize(("variance", "noise", "beta"), [(3, 0.5, 1), (3, 0.5, 4), (1, 0.6, 2)])
def test_the_best_linear_vae_fills_with_water(variance, noise, beta):
    """By search over decoder, encoder and scale; the last case lies under water."""

    def loss(numbers):
        distortion, rate, _ = parts(numbers, variance, noise)
        return distortion + beta * rate

    found = optimize.minimize(loss, [0.9, 0.5, -0.3], tol=1e-12)
    _, rate, error = parts(found.x, variance, noise)
    at = torch.tensor([float(variance)], dtype=torch.float64)
    assert filled_information(at, noise, beta).item() == pytest.approx(rate, abs=1e-4)
    assert filled_error(at, noise, beta).item() == pytest.approx(error, abs=1e-3)
    assert filled_scales(at, noise, beta).item() == pytest.approx(math.exp(found.x[2]), abs=1e-3)


def test_water_filling_is_the_rate_distortion_function():
    """The least sum of log(variance / d) / 2 over errors d that add up to a given one: by scipy."""
    variances = np.array([4.0, 1.5, 0.7, 0.1])
    at = torch.from_numpy(variances)
    for water in (0.05, 0.5, 1.2):
        total = filled_error(at, water).sum().item()
        found = optimize.minimize(
            lambda d: np.log(variances / d).sum() / 2,
            0.9 * variances * total / variances.sum(),
            bounds=[(1e-6, v) for v in variances],
            constraints={"type": "eq", "fun": lambda d, total=total: d.sum() - total},
            tol=1e-12,
        )
        assert filled_information(at, water).sum().item() == pytest.approx(found.fun, abs=1e-4)


def test_beta_and_noise_are_one_number():
    at = torch.tensor([2.0, 0.5], dtype=torch.float64)
    assert torch.equal(filled_information(at, 0.25, 4.0), filled_information(at, 1.0))
    assert filled_information(at, 0.25, 4.0)[1] == 0


def test_information_falls_with_beta():
    """On a finite set of models: the one that is best has a lower rate for every larger beta."""
    rate, distortion = np.random.default_rng(0).uniform(0, 5, (2, 200))
    best = [np.argmin(distortion + beta * rate) for beta in (0.1, 0.5, 1, 2, 8)]
    assert all(rate[a] >= rate[b] for a, b in itertools.pairwise(best))
    assert all(distortion[a] <= distortion[b] for a, b in itertools.pairwise(best))
    assert rate[best[0]] > rate[best[-1]]


def tables(seed, z=3, x=5):
    generator = np.random.default_rng(seed)
    return (generator.dirichlet(np.ones(n), size=m) for n, m in ((x, 1), (x, z), (z, 1), (z, x)))


def test_what_a_bound_costs():
    """-ELBO = entropy + KL of data to model + KL of q to the posterior, by scipy's entropies."""
    (data,), decoder, (prior,), q = tables(0)
    joint = (prior[:, None] * decoder).T
    cost = (data[:, None] * q * np.log(q / joint)).sum()
    model = joint.sum(1)
    posterior = joint / model[:, None]
    inference = sum(p * stats.entropy(a, b) for p, a, b in zip(data, q, posterior))
    assert cost == pytest.approx(stats.entropy(data) + stats.entropy(data, model) + inference)


def test_a_decoder_that_needs_no_code_pays_for_any():
    """p(x | z) = p(x): the bound is tight at q = p(z), and every other q loses its whole rate."""
    (data,), _, (prior,), q = tables(1)
    rate = sum(p * stats.entropy(row, prior) for p, row in zip(data, q))
    joint = data[:, None] * prior
    cost = (data[:, None] * q * np.log(q / joint)).sum()
    assert cost == pytest.approx(stats.entropy(data) + rate)
    assert rate > 0.05


def entropy_of(table, *axes):
    kept = table.sum(tuple(a for a in range(table.ndim) if a not in axes))
    return stats.entropy(kept.ravel())


@pytest.mark.parametrize("seed", range(4))
def test_what_a_window_does_not_see_the_code_must_tell(seed):
    """p(z) p(a|z) p(b|a, z) p(c|b, z): I(c; a | b) is at most what z tells of all three."""
    g = np.random.default_rng(seed)
    z, a = g.dirichlet(np.ones(3)), g.dirichlet(np.ones(2), size=3)
    b, c = g.dirichlet(np.ones(2), size=(3, 2)), g.dirichlet(np.ones(2), size=(3, 2))
    joint = np.einsum("z,za,zab,zbc->zabc", z, a, b, c)
    h = [entropy_of(joint, *axes) for axes in ((1, 2), (2, 3), (1, 2, 3), (2,), (0,), (0, 1, 2, 3))]
    unseen = h[0] + h[1] - h[2] - h[3]
    assert 0 < unseen < h[4] + h[2] - h[5]


def test_a_copied_bit_beyond_the_window():
    """c = a, b apart: what the window misses is one bit, and a code of that bit is enough."""
    joint = np.zeros((2, 2, 2, 2))
    for a, b in itertools.product(range(2), repeat=2):
        joint[a, a, b, a] = 0.25
    unseen = entropy_of(joint, 1, 2) + entropy_of(joint, 2, 3)
    unseen -= entropy_of(joint, 1, 2, 3) + entropy_of(joint, 2)
    told = entropy_of(joint, 0) + entropy_of(joint, 1, 2, 3) - entropy_of(joint, 0, 1, 2, 3)
    assert unseen == pytest.approx(math.log(2)) == pytest.approx(told)


class Triangle(Beta):
    """Beta(2, 1), whose distribution function is x^2."""

    def __init__(self):
        super().__init__(torch.tensor(2.0).double(), torch.tensor(1.0).double())

    def cdf(self, value):
        return value**2

    def icdf(self, value):
        return value**0.5


PRIORS = [
    Uniform(torch.tensor(0.0).double(), torch.tensor(1.0).double()),
    Normal(torch.tensor(0.5).double(), torch.tensor(2.0).double()),
    Triangle(),
]


@pytest.mark.parametrize("prior", PRIORS, ids=lambda p: type(p).__name__)
def test_entangling_keeps_the_prior_and_moves_all_with_all(prior):
    """log p(f(z)) + log|det df/dz| = log p(z), with a dense Jacobian."""
    torch.manual_seed(0)
    z, turn = prior.sample((5, 3)), full_turn(3, torch.zeros(()).double())
    for row in z:
        slopes = jacobian(lambda t: entangled(t[None], prior, turn)[0], row)
        moved = entangled(row[None], prior, turn)[0]
        log_det = torch.linalg.slogdet(slopes).logabsdet
        expected = prior.log_prob(row).sum()
        torch.testing.assert_close(prior.log_prob(moved).sum() + log_det, expected)
        assert slopes.abs().min() > 1e-6


def test_marginals_of_the_entangled_code_are_scipys():
    torch.manual_seed(0)
    z = entangled(PRIORS[0].sample((4_000, 2)), PRIORS[0], full_turn(2, torch.zeros(()).double()))
    for column in z.T.numpy():
        assert stats.kstest(column, "uniform").pvalue > 1e-4
    assert stats.spearmanr(*z.T.numpy()).pvalue > 1e-4


def test_a_score_of_disentanglement_sees_what_the_likelihood_cannot():
    torch.manual_seed(0)
    z = PRIORS[0].sample((20_000, 2))
    factors = (z * 4).long()
    turned = entangled(z, PRIORS[0], full_turn(2, z))
    plain, mixed = (mutual_information_gap(code, factors).value for code in (z, turned))
    assert plain > 0.9
    assert mixed < 0.5


@pytest.mark.parametrize("latent", [2, 3, 10])
def test_full_turns_have_no_zeros(latent):
    turn = full_turn(latent, torch.zeros(()).double()).numpy()
    np.testing.assert_allclose(turn @ turn.T, np.eye(latent), atol=1e-12)
    assert np.abs(turn).min() > 0.01
    with pytest.raises(ValueError, match="orthogonal"):
        entangled(torch.rand(3, 2), Uniform(0.0, 1.0), torch.ones(2, 2))
