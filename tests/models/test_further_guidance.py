"""Classifier guidance, autoguidance and guidance in an interval on a known mixture."""

from __future__ import annotations

import math

import pytest
import torch
from mixture_oracle import MEANS, STD, WEIGHTS, KnownEDM, KnownFlow, mixture, net, part
from torch import Tensor, nn

from pushforward.core.spaces import Reals
from pushforward.models.score.autoguidance import AutoGuided
from pushforward.models.score.classifier_guidance import ClassifierGuided
from pushforward.models.score.edm import EDM
from pushforward.models.score.guidance import Guided
from pushforward.nn.denoiser import TimeMLP
from pushforward.nn.noisy_classifier import NoisyClassifier
from pushforward.solvers.samplers import DPMSolverPP


class KnownClassifier(nn.Module):
    """log p(x_t, y) of the mixture's parts, at the angle that it is told."""

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        alpha, sigma = ((t * math.pi / 2).cos()[:, None], (t * math.pi / 2).sin()[:, None])
        apart = (x[:, None] - alpha[:, None] * MEANS).square().sum(-1)
        return WEIGHTS.log() - apart / (2 * (alpha**2 * STD**2 + sigma**2))


MODELS = {"flow": KnownFlow, "edm": KnownEDM}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("weight", [0.0, 1.0, 3.0])
def test_the_led_score_is_that_of_the_tilted_density(name, weight):
    """grad log of p(x) p(y | x)^w at a noise level, by autograd through the mixture's densities."""
    inner = MODELS[name](Reals((2,)), net()).double()
    model = ClassifierGuided(inner, KnownClassifier(), 2, weight)
    torch.manual_seed(0)
    level = inner.levels(12)[7]
    alpha, sigma = level.alpha, level.sigma
    x = torch.randn(6, 2, dtype=torch.float64).mul(math.hypot(alpha, sigma)).requires_grad_()
    y = torch.tensor([0, 1, 0, 1, 0, 1])
    given = torch.stack(
        [WEIGHTS[c].log() + part(int(c), alpha, sigma).log_prob(v) for c, v in zip(y, x)]
    )
    whole = mixture(alpha, sigma).log_prob(x)
    (truth,) = torch.autograd.grad((whole + weight * (given - whole)).sum(), x)
    seen = []
    inner.sampler = Watching(seen, x.detach(), level)
    model.sample(6, y)
    torch.testing.assert_close((alpha * seen[0] - x) / sigma**2, truth)


class Watching:
    """A sampler that asks for one denoised."""

    draws = False

    def __init__(self, seen: list[Tensor], x: Tensor, level):
        self.seen, self.x, self.level = seen, x, level

    def __call__(self, process, noise):
        self.seen.append(process.denoise(self.x, self.level))
        return self.seen[0]


def test_a_classifier_leads_all_samples_to_its_class():
    inner = KnownFlow(Reals((2,)), net(), DPMSolverPP(40)).double()
    model = ClassifierGuided(inner, KnownClassifier(), 2)
    torch.manual_seed(0)
    x = model.sample(4000, torch.zeros(4000, dtype=torch.long))
    assert ((x.mean(0) - MEANS[0]).abs() < 5 * STD / 4000**0.5 + 0.02).all()
    assert (x.std(0) - STD).abs().max() < 0.03


def test_the_noisy_classifiers_loss_is_the_cross_entropy_of_the_mixture():
    """Its mean over angles, by quadrature over angles and draws of x."""
    inner = KnownEDM(Reals((2,)), net(), least=0.05, most=20.0).double()
    model = ClassifierGuided(inner, KnownClassifier(), 2)
    torch.manual_seed(0)
    y = torch.multinomial(WEIGHTS, 20_000, replacement=True)
    x = MEANS[y] + STD * torch.randn(20_000, 2, dtype=torch.float64)
    found = model.classifier_loss(x, y)["cross_entropy"]
    low, high = math.atan(0.05), math.atan(20.0)
    assert model.angles == pytest.approx((low, high))
    total = 0.0
    for i in range(40):
        phi = low + (high - low) * (i + 0.5) / 40
        noisy = math.cos(phi) * x + math.sin(phi) * torch.randn_like(x)
        p = torch.stack([part(c, math.cos(phi), math.sin(phi)).log_prob(noisy) for c in (0, 1)], 1)
        log_p = (p + WEIGHTS.log()).log_softmax(1)
        total -= log_p.gather(1, y[:, None]).mean().item() / 40
    assert found.mean().item() == pytest.approx(total, abs=5 * found.std().item() / 20_000**0.5)


def test_the_classifier_and_the_diffusion_learn_apart():
    model = ClassifierGuided(EDM(Reals((2,)), net()), TimeMLP(2, outputs=2, width=8), 2)
    x, y = torch.randn(8, 2), torch.arange(8) % 2
    diffusion, classifier = model.players()
    assert "denoising" in diffusion.loss(x, y)
    sum(v.mean() for v in classifier.loss(x, y).values()).backward()
    assert all(p.grad is None for p in model.model.parameters())
    assert any(p.grad.abs().sum() > 0 for p in model.classifier.parameters())


def test_autoguidance_extrapolates_from_the_guide_through_the_model():
    """Whatever the guide's path: the levels are those of the same noise."""
    torch.manual_seed(0)
    model = KnownEDM(Reals((2,)), net()).double()
    guide = EDM(Reals((2,)), TimeMLP(2, width=8, layers=1)).double()
    level = model.levels(12)[6]
    x = level.sigma * torch.randn(5, 2, dtype=torch.float64)
    good, bad = model.denoise(x, level), guide.denoise(x, level)
    for weight in (0.0, 1.0, 2.5):
        led = AutoGuided(model, guide, weight).process().denoise(x, level)
        torch.testing.assert_close(led, bad + weight * (good - bad))
    flow = KnownFlow(Reals((2,)), net()).double()
    for own, other in ((flow, model), (model, flow)):
        for place in (0, 3, 8):
            at = own.levels(12)[place]
            x = math.hypot(at.alpha, at.sigma) * torch.randn(5, 2, dtype=torch.float64)
            good = own.denoise(x, at)
            led = AutoGuided(own, other, 3.0).process().denoise(x, at)
            torch.testing.assert_close(led, good, rtol=0.02, atol=0.02)  # both know the truth


def test_outside_the_interval_there_is_no_guidance():
    inner = KnownEDM(Reals((2,)), net(classes=2)).double()
    model = Guided(inner, 2, weight=4.0, between=(0.3, 2.0))
    whole = Guided(inner, 2, weight=4.0)
    y = torch.tensor([0, 1])
    for noise, guided in ((0.1, False), (0.3, True), (1.0, True), (2.0, True), (5.0, False)):
        level = inner.level_of(noise)
        x = noise * torch.randn(2, 2, dtype=torch.float64)
        expected = whole.process(y) if guided else Guided(inner, 2, weight=1.0).process(y)
        torch.testing.assert_close(model.process(y).denoise(x, level), expected.denoise(x, level))


def test_images_are_classified_whatever_their_size():
    torch.manual_seed(0)
    classify = NoisyClassifier(3, 5, width=8)
    for side in (1, 5, 28):
        logits = classify(torch.randn(2, 3, side, side), torch.tensor([0.1, 0.1]))
        assert logits.shape == (2, 5)
    x = torch.randn(1, 3, 8, 8).expand(2, -1, -1, -1)
    block = classify.blocks[0]
    nn.init.normal_(block.second.weight)
    told = classify(x, torch.tensor([0.1, 0.9]))
    assert (told[0] - told[1]).abs().max() > 1e-4


def test_what_cannot_be_is_said():
    labelled, free = KnownEDM(Reals((2,)), net(classes=2)), KnownEDM(Reals((2,)), net())
    with pytest.raises(ValueError, match=r"told nothing.*or take Guided"):
        ClassifierGuided(labelled, KnownClassifier(), 2)
    with pytest.raises(ValueError, match="same data and told the same"):
        AutoGuided(labelled, free)
    for between in ((2.0, 1.0), (-1.0, 1.0), (1.0, 1.0)):
        with pytest.raises(ValueError, match="between must name two levels"):
            Guided(labelled, 2, between=between)
    with pytest.raises(ValueError, match="weight must be a finite number"):
        Guided(labelled, 2, weight=math.nan)
