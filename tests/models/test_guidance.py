"""Classifier-free guidance where the classes are the parts of a known mixture."""

from __future__ import annotations

import pytest
import torch
from mixture_oracle import MEANS, STD, UNKNOWN, WEIGHTS, KnownFlow, KnownSDE, mixture, net, part

from pushforward.core.spaces import Reals
from pushforward.models.score.flow_matching import FlowMatching
from pushforward.models.score.guidance import Guided
from pushforward.nn.denoiser import TimeMLP
from pushforward.solvers.samplers import DDIM, DPMSolverPP, PredictorCorrector


def guided(weight: float, known=KnownSDE, **options) -> Guided:
    return Guided(known(Reals((2,)), net(classes=2), **options), 2, weight=weight).double()


@pytest.mark.parametrize("weight", [0.0, 0.4, 1.0, 2.0, 5.0])
def test_the_guided_score_is_that_of_the_tilted_density(weight):
    """grad log of p(x)^(1 - w) p(x | y)^w at a noise level, by autograd."""
    model = guided(weight)
    torch.manual_seed(0)
    x = torch.randn(6, 2, dtype=torch.float64, requires_grad=True)
    y = torch.tensor([0, 1, 0, 1, 0, 1])
    level = model.model.levels(10)[7]
    alpha, sigma = level.alpha, level.sigma
    given = torch.stack([part(int(c), alpha, sigma).log_prob(v) for c, v in zip(y, x)])
    log_p = (1 - weight) * mixture(alpha, sigma).log_prob(x) + weight * given
    (truth,) = torch.autograd.grad(log_p.sum(), x)
    x0 = model.process(y).denoise(x, level)
    torch.testing.assert_close((alpha * x0 - x) / sigma**2, truth)


def test_weight_one_draws_the_class_and_zero_draws_them_all():
    torch.manual_seed(0)
    inner = KnownFlow(Reals((2,)), net(classes=2), DDIM(20)).double()
    z, y = inner.latents(50), torch.arange(50) % 2
    torch.testing.assert_close(Guided(inner, 2, weight=1.0).push(z, y), inner.push(z, y))
    whole = KnownFlow(Reals((2,)), net(), DDIM(20)).double()
    torch.testing.assert_close(Guided(inner, 2, weight=0.0).push(z, y), whole.push(z))


def test_more_weight_moves_samples_away_from_the_other_class():
    """For two Gaussians of one width the tilt pushes along their difference, further with w."""
    torch.manual_seed(0)
    z, y = torch.randn(2000, 2, dtype=torch.float64), torch.zeros(2000, dtype=torch.long)
    away = (MEANS[0] - MEANS[1]) / (MEANS[0] - MEANS[1]).norm()
    found = [guided(w, sampler=DPMSolverPP(30)).push(z, y) @ away for w in (0.0, 1.0, 2.0, 4.0)]
    places = [v.mean().item() for v in found]
    assert places == sorted(places)
    assert places[1] == pytest.approx((MEANS[0] @ away).item(), abs=4 * STD / 2000**0.5)


@pytest.mark.parametrize("sampler", [DPMSolverPP(80), PredictorCorrector(200, 0)])
def test_without_labels_it_draws_from_all_classes(sampler):
    model = guided(3.0, sampler=sampler)
    unknown = torch.full((4000,), UNKNOWN)
    drawn = []
    for labels in ((), (None,), (unknown,)):
        torch.manual_seed(0)
        drawn.append(model.sample(4000, *labels))
    assert torch.equal(drawn[0], drawn[1])
    assert torch.equal(drawn[0], drawn[2])
    mean = WEIGHTS @ MEANS
    variance = (WEIGHTS[:, None] * (MEANS - mean) ** 2).sum(0) + STD**2
    assert ((drawn[0].mean(0) - mean).abs() < 5 * (variance / 4000).sqrt() + 0.02).all()
    assert (drawn[0].var(0) / variance - 1).abs().max() < 0.1


def test_training_hides_the_class_as_often_as_it_says():
    torch.manual_seed(0)
    inner = FlowMatching(Reals((2,)), TimeMLP(2, width=8, layers=1, classes=2))
    seen = []
    inner.terms = lambda x, y: seen.append(y) or {"velocity": x.sum(1)}
    y = torch.arange(20_000) % 2
    Guided(inner, 2, drop=0.2).loss(torch.zeros(20_000, 2), y)
    hidden = seen[0] == UNKNOWN
    assert hidden.double().mean().item() == pytest.approx(0.2, abs=4 * (0.16 / 20_000) ** 0.5)
    assert torch.equal(seen[0][~hidden], y[~hidden])


def test_a_network_of_other_classes_is_refused():
    for classes in (0, 5):
        inner = FlowMatching(Reals((2,)), TimeMLP(2, width=8, layers=1, classes=classes))
        with pytest.raises(ValueError, match=r"told Labels\(3\).*build it with classes=3"):
            Guided(inner, classes=3)
    inner = FlowMatching(Reals((2,)), TimeMLP(2, width=8, layers=1, classes=3))
    with pytest.raises(ValueError, match="drop must be"):
        Guided(inner, classes=3, drop=0.0)
    model = Guided(inner, classes=3)
    for labels in (torch.tensor([0, 4]), torch.tensor([0, -1]), torch.tensor([0])):
        with pytest.raises(ValueError, match="expected"):
            model.sample(2, labels)
