"""Gradients through discrete choices, each against a sum over all values."""

from __future__ import annotations

import itertools
import math

import pytest
import torch

import pushforward as pf
from pushforward.models.discrete.gumbel_softmax import GumbelSoftmaxVAE
from pushforward.objectives.discrete_gradients import (
    NVIL,
    REBAR,
    VIMCO,
    DisARM,
    GumbelRao,
    Reinforce,
    enumerated_gradient,
    every_draw,
    given_draw,
    log_mass,
    one_gradient_each,
    vimco,
)
from pushforward.probability.gumbel import Relaxed, StraightThrough, one_hot
from pushforward.theory.discrete_problem import bias_and_variance, problem

SPACE = pf.Pixels(1, 4, 4, levels=2)
N = 20_000


def three_by_three():
    """Two variables of three classes, and an f that is no sum over them."""
    table = torch.tensor([[1.0, -2.0, 0.5], [0.3, 1.5, -1.0]], dtype=torch.float64)
    logits = torch.tensor([[0.5, -1.0, 1.0], [0.0, 0.7, -0.3]], dtype=torch.float64)
    return lambda z: ((z * table).sum((-1, -2)) - 0.4) ** 2, logits


def far(gradients, exact):
    """The largest distance of the mean from `exact`, in standard errors."""
    error = gradients.std(0) / len(gradients) ** 0.5
    return ((gradients.mean(0) - exact).abs() / error.clamp_min(1e-12)).max().item()


def test_the_enumerated_gradient_is_that_of_finite_differences():
    f, logits = three_by_three()
    z = every_draw(2, 3).double()
    expected = lambda at: (log_mass(at, z).exp() * f(z)).sum()  # noqa: E731
    for i, j in itertools.product(range(2), range(3)):
        step = torch.zeros_like(logits)
        step[i, j] = 1e-5
        slope = (expected(logits + step) - expected(logits - step)) / 2e-5
        assert enumerated_gradient(f, logits)[i, j].item() == pytest.approx(slope.item(), abs=1e-8)


@pytest.mark.parametrize(
    "estimator", [Reinforce(1), Reinforce(3), REBAR(), REBAR(0.5), NVIL(2, 3, 8)], ids=str
)
def test_unbiased_ones_are_within_three_standard_errors(estimator):
    torch.manual_seed(1)
    f, logits = three_by_three()
    if isinstance(estimator, NVIL):
        estimator = estimator.double()
    gradients = one_gradient_each(estimator, f, logits, N, temperature=0.5)
    assert far(gradients, enumerated_gradient(f, logits)) < 3


def test_disarm_is_unbiased_and_varies_less_than_two_independent_draws():
    torch.manual_seed(1)
    f, logits = problem()
    exact = enumerated_gradient(f, logits)
    mine = one_gradient_each(DisARM(), f, logits, N)
    theirs = one_gradient_each(Reinforce(2), f, logits, N)
    assert far(mine, exact) < 3
    assert mine.var(0).sum() < theirs.var(0).sum()
    with pytest.raises(ValueError, match="2 classes, not of 3"):
        one_gradient_each(DisARM(), *three_by_three(), 10)


def test_baselines_take_variance_away():
    torch.manual_seed(1)
    f, logits = three_by_three()
    variance = [
        one_gradient_each(e, f, logits, N, 0.5).var(0).sum().item()
        for e in (Reinforce(1), Reinforce(2), Reinforce(8), REBAR())
    ]
    assert variance[0] > 1.5 * variance[1] > 1.5 * 3 * variance[2]
    assert variance[0] > 1.15 * variance[3]


@pytest.mark.parametrize("estimator", [Relaxed(), StraightThrough(), GumbelRao(4)], ids=str)
def test_biased_ones_come_closer_as_the_temperature_falls(estimator):
    torch.manual_seed(1)
    hot, warm = (bias_and_variance(estimator, t, N)[0] for t in (1.0, 0.25))
    assert hot > 1.5 * warm


def test_averaging_over_the_noise_keeps_the_mean_and_takes_variance_away():
    torch.manual_seed(1)
    f, logits = three_by_three()
    one, many = (one_gradient_each(e, f, logits, N, 0.5) for e in (StraightThrough(), GumbelRao()))
    error = (one.var(0) / N + many.var(0) / N).sqrt()
    assert ((one.mean(0) - many.mean(0)).abs() < 4 * error).all()
    assert many.var(0).sum() < 0.7 * one.var(0).sum()


def test_noise_given_a_draw_gives_it_and_is_gumbel_over_all_draws():
    """The largest of log pi + gumbel is again a Gumbel, whatever was drawn (mean 0.5772)."""
    torch.manual_seed(0)
    log_pi = torch.tensor([0.5, -1.0, 1.0], dtype=torch.float64).log_softmax(-1).expand(N, 1, 3)
    z = one_hot(log_pi)
    noise = given_draw(log_pi, z)
    assert torch.equal(noise.argmax(-1), z.argmax(-1))
    means = (noise - log_pi).mean((0, 1))
    torch.testing.assert_close(means, torch.full((3,), 0.5772).double(), atol=0.04, rtol=0)


def test_vimco_is_the_gradient_of_the_importance_weighted_bound():
    torch.manual_seed(2)
    f, logits = three_by_three()
    own = logits.clone().requires_grad_()
    z = every_draw(2, 3).double()
    log_q = log_mass(own, z)
    weights = f(z) - 2 * math.log(3) - log_q
    pairs = torch.cartesian_prod(torch.arange(9), torch.arange(9))
    both = weights[pairs].logsumexp(1) - math.log(2)
    (exact,) = torch.autograd.grad((log_q[pairs].sum(1).exp() * both).sum(), own)
    many = logits.expand(N, 2, 3).clone().requires_grad_()
    bound = -VIMCO(2).bound(f, many, 1.0, 1.0)["negative_bound"]
    (gradients,) = torch.autograd.grad(bound.sum(), many)
    assert far(gradients, exact) < 3
    values = (log_q[pairs].sum(1).exp() * both).sum().item()
    assert abs(bound.mean().item() - values) < 4 * bound.std().item() / N**0.5


def test_vimcos_signal_is_its_equation():
    log_w = torch.tensor([[0.3], [-1.0], [2.0]], dtype=torch.float64)
    log_q = torch.zeros(3, 1, dtype=torch.float64, requires_grad=True)
    vimco(log_w, log_q).sum().backward()
    for k in range(3):
        rest = [log_w[i, 0].item() for i in range(3) if i != k]
        whole = math.log(sum(math.exp(w) for w in [*rest, log_w[k, 0].item()]) / 3)
        without = math.log((sum(map(math.exp, rest)) + math.exp(sum(rest) / 2)) / 3)
        assert log_q.grad[k, 0].item() == pytest.approx(whole - without)


@pytest.mark.parametrize(
    "way",
    [
        Reinforce(4),
        NVIL(3, 2, 8),
        VIMCO(4),
        REBAR(),
        DisARM(),
        GumbelRao(4),
    ],
    ids=lambda way: type(way).__name__,
)
def test_a_vae_learns_by_each_and_a_file_keeps_it(way, tmp_path):
    torch.manual_seed(0)
    data = pf.data.find("bars")
    model = GumbelSoftmaxVAE(SPACE, 3, 2, width=8, relaxation=way)
    (x,) = data.test.at(slice(0, 64))
    before = model.elbo(x).mean()
    pf.fit(model, data, pf.Recipe(40, 32, pf.Adam(3e-2), validate_every=0), quiet=True)
    assert model.elbo(x).mean() > before + 0.2
    again = pf.load(pf.save(model, tmp_path / "vae.safetensors"))
    assert type(again.relaxation) is type(way)
    torch.manual_seed(3)
    one = model.elbo(x)
    torch.manual_seed(3)
    torch.testing.assert_close(again.elbo(x), one)


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match=r"build NVIL\(3, 2\)"):
        GumbelSoftmaxVAE(SPACE, 3, 2, relaxation=NVIL(3, 4))
    with pytest.raises(ValueError, match="2 classes, not of 5"):
        GumbelSoftmaxVAE(SPACE, 3, 5, relaxation=DisARM())
    with pytest.raises(ValueError, match="samples"):
        VIMCO(1)
    with pytest.raises(ValueError, match="decay"):
        NVIL(3, 2, decay=1.0)
