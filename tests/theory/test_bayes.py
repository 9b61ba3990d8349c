"""Conjugate models against scipy, quadrature, chains of predictives and least squares."""

import math

import numpy as np
import pytest
import torch
from scipy import integrate, optimize, special, stats
from sklearn.linear_model import Ridge

import pushforward as pf
from pushforward.models.autoregressive.independent import Independent
from pushforward.theory.bayes.beta_bernoulli import BetaBernoulli
from pushforward.theory.bayes.conjugate import narrowing
from pushforward.theory.bayes.dirichlet_categorical import DirichletCategorical
from pushforward.theory.bayes.linear_regression import LinearRegression, flat, polynomial
from pushforward.theory.bayes.normal_inverse_gamma import NormalInverseGamma
from pushforward.theory.bayes.point_estimates import mle_map_gaps

TOSSES = torch.tensor([1, 0, 1, 1, 0, 1, 1])
ROLLS = torch.tensor([0, 2, 2, 3, 0, 2])
VALUES = torch.tensor([0.3, -1.2, 2.2, 0.8, 0.4], dtype=torch.float64)
CASES = [
    (BetaBernoulli(2.0, 3.5), TOSSES.double()),
    (DirichletCategorical((0.5, 1.5, 2.0, 1.0)), ROLLS),
    (NormalInverseGamma(0.4, 1.5, 2.5, 0.8), VALUES),
]
each = pytest.mark.parametrize(("prior", "x"), CASES, ids=lambda c: type(c).__name__)


def numbers_of(belief):
    return np.hstack([np.asarray(value) for value in vars(belief).values()])


@each
def test_evidence_is_the_chain_of_predictives(prior, x):
    total, belief = 0.0, prior
    for i in range(len(x)):
        total += belief.predictive().log_prob(x[i]).item()
        belief = belief.update(x[i : i + 1])
    assert prior.log_evidence(x).item() == pytest.approx(total)
    np.testing.assert_allclose(numbers_of(belief), numbers_of(prior.update(x)))


@each
def test_order_does_not_matter_and_nothing_changes_nothing(prior, x):
    backwards = prior.update(x.flip(0))
    np.testing.assert_allclose(numbers_of(prior.update(x)), numbers_of(backwards))
    assert prior.update(x[:0]) == prior
    assert prior.log_evidence(x[:0]).item() == pytest.approx(0, abs=1e-14)


def test_beta_posterior_by_quadrature():
    prior, after = stats.beta(2.0, 3.5), CASES[0][0].update(TOSSES).distribution()

    def joint(theta):
        return prior.pdf(theta) * theta**5 * (1 - theta) ** 2

    evidence, _ = integrate.quad(joint, 0, 1)
    assert BetaBernoulli(2.0, 3.5).log_evidence(TOSSES).exp().item() == pytest.approx(evidence)
    for theta in (0.1, 0.6, 0.9):
        density = after.log_prob(torch.tensor(theta).double()).exp().item()
        assert density == pytest.approx(joint(theta) / evidence, rel=1e-6)


def test_counts_against_scipy():
    heads = torch.arange(8)
    actual = BetaBernoulli(2.0, 3.5).log_predictive_count(heads, 7)
    np.testing.assert_allclose(actual, stats.betabinom(7, 2.0, 3.5).logpmf(heads))
    prior, counts = CASES[1][0], np.bincount(ROLLS, minlength=4)
    orders = special.gammaln(7) - special.gammaln(counts + 1).sum()
    expected = stats.dirichlet_multinomial(prior.concentration, 6).logpmf(counts) - orders
    assert prior.log_evidence(ROLLS).item() == pytest.approx(expected)


def test_normal_inverse_gamma_evidence_by_quadrature():
    prior, x = CASES[2]

    def joint(mu, s2):
        likelihood = stats.norm.logpdf(x.numpy()[:, None, None], mu, np.sqrt(s2)).sum(0)
        belief = stats.norm.logpdf(mu, 0.4, np.sqrt(s2 / 1.5))
        return np.exp(likelihood + belief + stats.invgamma.logpdf(s2, 2.5, scale=0.8))

    nodes, weights = np.polynomial.legendre.leggauss(48)
    mu, s2 = 0.5 + 4 * nodes, np.exp(1.5 + 3.5 * (nodes - 0.3))
    area = np.outer(4 * weights, 3.5 * weights * s2)
    grid = joint(mu[:, None], s2)
    assert prior.log_evidence(x).exp().item() == pytest.approx((area * grid).sum(), rel=1e-5)


def test_normal_inverse_gamma_marginals_and_mode():
    after = CASES[2][0].update(VALUES)
    location = stats.t(2 * after.shape, after.mean, math.sqrt(after.rate / after.shape / 6.5))
    x = torch.tensor([-1.0, 0.2, 3.0], dtype=torch.float64)
    np.testing.assert_allclose(after.location().log_prob(x), location.logpdf(x))
    torch.manual_seed(0)
    s2 = after.variance().sample((200_000,))
    draws = after.mean + (s2 / after.strength).sqrt() * torch.randn_like(s2)
    draws = draws + s2.sqrt() * torch.randn_like(s2)
    share = (draws < 1.0).double().mean().item()
    expected = stats.t(2 * after.shape, after.mean, after.predictive().scale.item()).cdf(1.0)
    assert share == pytest.approx(expected, abs=4 * 0.5 / math.sqrt(200_000))
    best = optimize.minimize(
        lambda p: -after.log_prob(*torch.tensor([p[0], math.exp(p[1])]).double()).item(), [0, 0]
    )
    torch.testing.assert_close(
        after.mode(), torch.tensor([best.x[0], math.exp(best.x[1])]).double(), rtol=1e-3, atol=1e-3
    )


@each
def test_map_approaches_mle_as_data_grow(prior, x):
    torch.manual_seed(0)
    draws = {
        BetaBernoulli: lambda: (torch.rand(100_000) < 0.3).double(),
        DirichletCategorical: lambda: torch.randint(4, (100_000,)),
        NormalInverseGamma: lambda: torch.randn(100_000).double() * 2 + 1,
    }[type(prior)]()
    at = mle_map_gaps(prior, draws, (100, 1_000, 100_000))
    assert at[0] > 5 * at[1] > 25 * at[2]
    assert at[2] < 5e-4


def test_flat_priors_give_map_equal_mle():
    torch.testing.assert_close(
        BetaBernoulli(1, 1).update(TOSSES).mode(), torch.tensor(5 / 7, dtype=torch.float64)
    )
    flat_die = DirichletCategorical((1.0,) * 4)
    torch.testing.assert_close(flat_die.update(ROLLS).mode(), flat_die.mle(ROLLS))
    gap = [
        mle_map_gaps(BetaBernoulli(1 + 4 * s, 1 + s), TOSSES, (7,)).item()
        for s in (1, 0.1, 0.01, 1e-6)
    ]
    assert gap[0] > gap[1] > gap[2] > gap[3]
    assert gap[3] < 1e-6


def test_posterior_narrows_as_one_over_root_n():
    torch.manual_seed(0)
    tosses = (torch.rand(10_000) < 0.3).double()
    spread = [
        b.distribution().stddev.item() for b in narrowing(BetaBernoulli(), tosses, (100, 10_000))
    ]
    assert spread[0] / spread[1] == pytest.approx(10, rel=0.1)


def regression(n=12, degree=3):
    torch.manual_seed(1)
    x = torch.linspace(-1, 1, n, dtype=torch.float64)
    y = torch.sin(3 * x) + 0.2 * torch.randn(n, dtype=torch.float64)
    return polynomial(x, degree), y


def test_regression_is_ridge_and_flattens_to_least_squares():
    features, y = regression()
    after = flat(4, scale=0.7, noise=0.2).update(features, y)
    ridge = Ridge(alpha=0.2**2 / 0.7**2, fit_intercept=False, tol=1e-12).fit(features, y)
    np.testing.assert_allclose(after.mode(), ridge.coef_)
    least, *_ = np.linalg.lstsq(features, y, rcond=None)
    np.testing.assert_allclose(after.mle(features, y), least)
    wide = flat(4, scale=1e5, noise=0.2).update(features, y)
    np.testing.assert_allclose(wide.mode(), least, rtol=1e-8)


def test_regression_in_two_steps_and_by_the_normal_equations():
    features, y = regression()
    prior = flat(4, scale=0.7, noise=0.2)
    after = prior.update(features, y)
    steps = prior.update(features[:5], y[:5]).update(features[5:], y[5:])
    torch.testing.assert_close(steps.cov, after.cov)
    torch.testing.assert_close(steps.mean, after.mean)
    precision = torch.eye(4).double() / 0.49 + features.mT @ features / 0.04
    torch.testing.assert_close(after.cov, precision.inverse())


def test_regression_evidence_against_scipy_and_the_chain():
    features, y = regression()
    prior = flat(4, scale=0.7, noise=0.2)
    cov = 0.04 * np.eye(12) + 0.49 * features.numpy() @ features.numpy().T
    expected = stats.multivariate_normal(np.zeros(12), cov).logpdf(y)
    assert prior.log_evidence(features, y).item() == pytest.approx(expected)
    total, belief = 0.0, prior
    for i in range(12):
        total += belief.predictive(features[i : i + 1]).log_prob(y[i : i + 1]).item()
        belief = belief.update(features[i : i + 1], y[i : i + 1])
    assert total == pytest.approx(expected)


def test_evidence_prefers_the_true_degree():
    torch.manual_seed(2)
    x = torch.linspace(-2, 2, 40, dtype=torch.float64)
    y = 1 - x + 0.8 * x**2 + 0.3 * torch.randn(40, dtype=torch.float64)
    evidence = [flat(d + 1, 1.0, 0.3).log_evidence(polynomial(x, d), y).item() for d in range(6)]
    assert int(np.argmax(evidence)) == 2


def test_predictive_widens_away_from_the_data():
    features, y = regression()
    after = flat(4, 1.0, 0.2).update(features, y)
    at = polynomial(torch.tensor([0.0, 1.0, 2.0]).double(), 3)
    scale = after.predictive(at).scale
    assert 0.2 < scale[0] < scale[1] < scale[2]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: BetaBernoulli(0.0, 1.0), "a must be positive and finite, not 0.0"),
        (lambda: BetaBernoulli().update(torch.tensor([0, 2])), "0 or 1, not 2"),
        (lambda: BetaBernoulli().mle(torch.zeros(0)), "at least 1 observations"),
        (lambda: BetaBernoulli().mode(), "no single mode"),
        (lambda: BetaBernoulli().update(torch.zeros(2, 2)), r"\(n,\)"),
        (lambda: DirichletCategorical((1.0,)), "at least two outcomes"),
        (lambda: DirichletCategorical((1.0, -1.0)), "each concentration must be positive"),
        (lambda: DirichletCategorical((1.0, 2.0)).update(ROLLS), "0 .. 1, not 0 .. 3"),
        (lambda: DirichletCategorical((1.0, 2.0)).update(VALUES), "integers 0 .. 1"),
        (lambda: DirichletCategorical((0.5, 2.0)).mode(), "no single mode"),
        (lambda: NormalInverseGamma(rate=-1.0), "rate must be positive"),
        (lambda: NormalInverseGamma().update(torch.tensor([math.nan])), "must be finite"),
        (lambda: NormalInverseGamma().mle(VALUES[:1]), "at least 2"),
        (lambda: narrowing(BetaBernoulli(), TOSSES, (8,)), "only 7 observations"),
        (lambda: flat(2, 1.0, -0.1), "noise must be positive"),
        (lambda: flat(2, 1.0, 0.1).update(torch.ones(3, 4), torch.ones(3)), r"\(n, 2\)"),
        (lambda: flat(2, 1.0, 0.1).update(torch.ones(3, 2), torch.ones(2)), r"y must be \(3,\)"),
        (lambda: flat(2, 1.0, 0.1).mle(torch.ones(3, 2), torch.ones(3)), "do not determine"),
        (lambda: LinearRegression(torch.zeros(3), torch.eye(2), 1.0), "do not fit"),
    ],
)
def test_bad_inputs_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_the_baseline_on_digits_is_the_posterior_predictive_of_every_pixel():
    data = pf.data.digits()
    model = pf.fit(Independent(data.space, 0.5), data, pf.Recipe(1, None), quiet=True)
    train, held = (part.tensors[0].flatten(1).long() for part in (data.train, data.test))
    prior = DirichletCategorical((0.5,) * data.space.levels)
    expected = sum(
        prior.update(train[:, d]).predictive().log_prob(held[:, d]) for d in range(data.space.dims)
    )
    found = model.log_prob(data.test.tensors[0])
    torch.testing.assert_close(found.double(), expected.double(), rtol=1e-5, atol=1e-4)
