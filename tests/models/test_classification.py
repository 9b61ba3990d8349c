"""Both classifiers: Bayes' rule, the laws, what small noise does, and what p(x) says of it."""

import copy

import numpy as np
import pytest
import torch
from sklearn.naive_bayes import CategoricalNB

import pushforward as pf
from pushforward.laws import LAWS, NotApplicable, Subject
from pushforward.models.autoregressive.independent import Independent
from pushforward.models.classification import perturbations
from pushforward.models.classification.discriminative_classifier import DiscriminativeClassifier
from pushforward.models.classification.generative_classifier import GenerativeClassifier
from pushforward.nn.mlp import MLP
from pushforward.pictures import divergences_of_a_shift
from pushforward.pictures.densities import on_a_grid
from pushforward.pictures.fooled_classifier import fooled_images
from pushforward.pictures.kl_directions import kl_directions
from pushforward.pictures.line_fits import line_fits
from pushforward.pictures.posterior_narrowing import coin
from pushforward.pictures.two_classifiers import compare
from pushforward.presets.classification import (
    discriminative_digits,
    generative_digits,
    labels_given_data,
)
from pushforward.probability.gaussian import Gaussian
from pushforward.theory.bayes.beta_bernoulli import BetaBernoulli
from pushforward.theory.bayes.linear_regression import flat


def trained(experiment):
    return pf.fit(experiment.model, experiment.data, experiment.recipe, quiet=True)


@pytest.fixture(scope="module")
def digits():
    return pf.data.digits(labels=True)


@pytest.fixture(scope="module")
def generative():
    return trained(generative_digits(smoothing=1.0))


@pytest.fixture(scope="module")
def discriminative():
    torch.manual_seed(0)
    return trained(discriminative_digits(width=64, steps=300))


def test_naive_bayes_is_that_of_scikit_learn(generative, digits):
    (x, y), (z, _) = digits.train.tensors, digits.test.tensors
    oracle = CategoricalNB(alpha=1.0, min_categories=17).fit(x.flatten(1), y)
    # Its p(y) has no smoothing; ours is Laplace's rule.
    oracle.class_log_prior_ = np.log((np.bincount(y) + 1) / (len(y) + 10))
    generative = copy.deepcopy(generative).double()
    actual = generative.classify(z).detach()
    np.testing.assert_allclose(actual, oracle.predict_log_proba(z.flatten(1)), atol=1e-8)
    joint = oracle.predict_joint_log_proba(z.flatten(1))
    np.testing.assert_allclose(generative.log_joint(z).detach(), joint, rtol=1e-8)
    evidence = torch.logsumexp(torch.from_numpy(joint), 1)
    torch.testing.assert_close(generative.log_prob(z), evidence)


def test_any_density_makes_a_classifier():
    # Two Gaussians learned by gradient: Bayes' rule is then a known logistic regression.
    torch.manual_seed(0)
    y = torch.randint(2, (4_000,))
    x = torch.randn(4_000, 2) + 1.5 * y[:, None]
    data = pf.data.tensors(x, y)
    model = GenerativeClassifier([Gaussian(2), Gaussian(2)])
    pf.fit(model, data, pf.Recipe(200, 500, pf.Adam(3e-2), schedule=pf.Cosine()), quiet=True)
    test, labels = data.test.tensors
    truth = torch.sigmoid(1.5 * test.sum(1) - 2.25)
    answer = model.classify(test).exp()[:, 1]
    assert (answer - truth).abs().mean() < 0.02
    assert (model.classify(test).argmax(1) == labels).float().mean() > 0.8
    drawn = model.sample(5_000, torch.ones(5_000).long())
    torch.testing.assert_close(drawn.mean(0), torch.tensor([1.5, 1.5]), atol=0.15, rtol=0)


def build():
    return GenerativeClassifier([Independent(pf.Pixels(1, 8, 8, 17)) for _ in range(10)])


@pytest.mark.parametrize("law", LAWS)
def test_laws(law, digits):
    try:
        LAWS[law](Subject(build, digits))
    except NotApplicable as reason:
        pytest.skip(str(reason))


def test_a_batch_without_a_class_is_harmless():
    model = GenerativeClassifier([Gaussian(2), Gaussian(2)])
    x, y = torch.randn(5, 2), torch.zeros(5).long()
    for player in model.players():
        terms = (player.loss or player.update)(x, y)
        if player.loss:
            sum(terms.values()).backward(inputs=list(player.module.parameters()))
    assert model.densities[0].mean.grad.abs().max() > 0
    assert (model.densities[1].mean.grad == 0).all()


def test_discriminative_classifier_is_a_density_of_labels(digits):
    space = digits.space
    model = DiscriminativeClassifier(space, MLP(space.dims, 10, 16), 10).double()
    turned = labels_given_data(digits)
    y, x = turned.train.at(slice(0, 30))
    assert y.shape == (30, 1)
    expected = -torch.nn.functional.cross_entropy(
        model.network(space.to_signed(x, torch.float64).flatten(1)), y[:, 0], reduction="none"
    )
    torch.testing.assert_close(model.log_prob(y, x), expected)
    total = sum(model.log_prob(torch.full_like(y, k), x).exp() for k in range(10))
    torch.testing.assert_close(total, torch.ones(30, dtype=torch.float64))
    torch.manual_seed(0)
    drawn = model.sample(3_000, x[:1].expand(3_000, -1, -1, -1))
    share = torch.bincount(drawn[:, 0], minlength=10) / 3_000
    torch.testing.assert_close(
        share.double(), model.classify(x[:1])[0].exp().detach(), atol=0.04, rtol=0
    )


def test_moves_are_as_large_as_said(discriminative, digits):
    x, y = digits.test.at(slice(0, 50))
    for moved in (
        perturbations.noise(x, 2, digits.space),
        perturbations.gradient_sign(discriminative, x, y, 2),
        perturbations.worst_of(discriminative.classify, x, y, 2, digits.space, draws=3),
    ):
        digits.space.check(moved)
        step = (moved.int() - x.int()).abs()
        assert step.max() == 2
        inner = (x >= 2) & (x <= 14)
        assert ((step[inner] == 2) | (step[inner] == 0)).all()


def test_gradient_sign_is_worse_than_noise_and_many_draws_than_one(discriminative, digits):
    x, y = digits.test.at(slice(None))
    torch.manual_seed(0)

    def right(moved):
        return discriminative.classify(moved).gather(1, y[:, None]).exp().mean().item()

    clean, random = right(x), right(perturbations.noise(x, 2, digits.space))
    worst = right(perturbations.worst_of(discriminative.classify, x, y, 2, digits.space, 20))
    signed = right(perturbations.gradient_sign(discriminative, x, y, 2))
    assert clean > random > worst > signed
    assert signed < 0.5


def test_comparison_shows_the_opening_picture(generative, discriminative, digits):
    found = compare(generative, discriminative, digits, levels=(2,))
    assert [m.value > 0.85 for m in found.accuracy] == [True, True]
    assert found.accuracy[1].value > 0.93
    signed = next(f for f in found.fooled if f.kind == "gradient sign")
    noise = next(f for f in found.fooled if f.kind == "noise")
    assert signed.discriminative > 0.5 > 0.1 > noise.discriminative
    assert min(f.refused for f in found.fooled) > 0.9  # p(x) knows that something is wrong
    assert found.outside["uniform noise"][0].value > 0.99
    assert found.outside["blank images"][0].value < 0.5  # the known failure
    assert "AUROC over blank images" in str(found)
    again = compare(generative, discriminative, digits, levels=(2,))
    assert str(again) == str(found)


def test_pictures_are_drawn(generative, discriminative, digits, tmp_path):
    a, b = Gaussian(2), Gaussian(2, (1.0, 1.0))
    x = torch.linspace(-1, 1, 9).double()
    figures = [
        fooled_images(generative, discriminative, digits, columns=3),
        kl_directions(a, a, b),
        divergences_of_a_shift.draw(),
        coin(BetaBernoulli(), torch.ones(9), (0, 9), truth=0.7),
        line_fits(flat(3, 1.0, 0.1), x, x**2, (0, 3, 9)),
    ]
    for i, figure in enumerate(figures):
        figure.savefig(tmp_path / f"{i}.png", dpi=30)
        assert (tmp_path / f"{i}.png").stat().st_size > 1_000
    at, shade = on_a_grid(b, 8.0)
    assert shade.sum() * (at[1] - at[0]) ** 2 == pytest.approx(1, abs=1e-4)
    assert at[shade.amax(0).argmax()] == pytest.approx(1, abs=0.07)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda g, d: GenerativeClassifier([Gaussian(2)]), "two densities or more"),
        (lambda g, d: GenerativeClassifier([Gaussian(2), Gaussian(3)]), "of one space"),
        (lambda g, d: g.log_prob(torch.zeros(2, 1, 8, 8).byte(), torch.zeros(2)), "int64"),
        (
            lambda g, d: g.sample(2, torch.tensor([0, 11])),
            "0 .. 10, was given values 0 .. 11",
        ),
        (lambda g, d: d.sample(2, torch.zeros(3, 1, 8, 8).byte()), "expected 2 of Pixels"),
        (lambda g, d: compare(g, d, pf.data.digits()), "labelled images are needed"),
        (
            lambda g, d: kl_directions(*[Gaussian(3)] * 3),
            r"over Reals\(\(2,\)\)",
        ),
    ],
)
def test_bad_inputs_are_refused(call, message, generative, discriminative):
    with pytest.raises(ValueError, match=message):
        call(generative, discriminative)
