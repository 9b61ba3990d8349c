"""The lecture's demonstrations on real digits, and their closed forms by enumeration."""

from __future__ import annotations

import itertools
import math

import pytest
import torch

import pushforward as pf
from pushforward.core.contract import Pushforward
from pushforward.core.spaces import Pixels, Reals
from pushforward.data import digits
from pushforward.metrics.features import features_as_given
from pushforward.metrics.small_classifiers import digits_classifier
from pushforward.pictures.demonstrations import (
    likelihood_without_samples,
    one_image_per_class,
    truncation,
)
from pushforward.pictures.what_numbers_hide import what_numbers_hide
from pushforward.theory.likelihood_and_samples import (
    diluted,
    diluted_log_prob,
    memory_log_prob,
    memory_samples,
)


class Line(Pushforward):
    """A Gaussian in eight dimensions."""

    def __init__(self):
        super().__init__(Reals((8,)))

    def latents(self, n):
        return torch.randn(n, 8)

    def push(self, z):
        return 1 + 2 * z

    def sample(self, n):
        return self.push(self.latents(n))


@pytest.fixture(scope="module")
def judged():
    data = digits()
    torch.manual_seed(0)
    model = pf.DequantizedDensity(pf.GMM(data.space.shape, 10, regularisation=0.05), data.space)
    pf.fit(model, data, pf.Recipe(10, batch_size=None), quiet=True)
    return likelihood_without_samples(model, data)


def test_both_constructions_are_distributions():
    space = Pixels(1, 2, 2, levels=3)
    every = torch.tensor(list(itertools.product(range(3), repeat=4)), dtype=torch.uint8)
    every = every.view(-1, 1, 2, 2)
    memory = memory_log_prob(every, every[[3, 70, 70]], space, 0.2)
    assert memory.exp().sum().item() == pytest.approx(1, abs=1e-12)
    mixture = diluted_log_prob(memory, space, 0.01)
    assert mixture.exp().sum().item() == pytest.approx(1, abs=1e-12)
    assert (memory - mixture).max() <= math.log(100)
    # Samples follow the density: the share of each image within 5 standard errors.
    drawn = memory_samples(20_000, every[[3, 70, 70]], space, 0.2)
    code = (drawn.flatten(1).long() * torch.tensor([27, 9, 3, 1])).sum(1)
    share = torch.bincount(code, minlength=81) / 20_000
    p = memory.exp()
    assert ((share - p).abs() <= 5 * (p * (1 - p) / 20_000).sqrt()).all()
    with pytest.raises(ValueError, match="share must be above 0 and below 1, not 0"):
        diluted(drawn, space, 0)


def test_likelihood_and_samples_are_independent(judged):
    """Noise costs 4.6 nats at most; the memory draws best and is the most surprised."""
    cost = judged["diluted"].nats - judged["model"].nats
    assert 4.5 < cost <= math.log(100) + 1e-4
    model, noisy, memory = (judged[k].quality for k in ("model", "diluted", "memory"))
    assert noisy.precision.value < model.precision.value - 0.1
    assert noisy.frechet.value > 5 * model.frechet.value
    assert memory.frechet.value < 0.6 * model.frechet.value
    assert judged["memory"].nats > 2 * judged["model"].nats


def test_truncation_trades_recall_for_precision():
    torch.manual_seed(1)
    model, scales = Line(), (0.1, 0.4, 0.7, 1.0)
    found = truncation(model, model.sample(600), features_as_given, scales)
    recalls = [pair.recall.value for pair in found]
    precisions = [pair.precision.value for pair in found]
    assert recalls == sorted(recalls)
    assert min(precisions[:2]) > max(precisions[2:])
    assert recalls[0] < 0.1 < 0.75 < recalls[-1]
    assert precisions[-1] < 0.97 < precisions[0]


def test_ten_images_fool_the_inception_score(judged):
    found = one_image_per_class(digits(), digits_classifier())
    real, ten = found["real"], found["one per class"]
    assert ten.score.value > 8.5 > 8 > real.score.value
    assert ten.recall.value < 0.01
    assert ten.coverage.value < 0.2 < 0.8 < real.coverage.value
    path = truncation(Line(), Line().sample(50), features_as_given, (0.5, 1.0))
    figure = what_numbers_hide(judged, (0.5, 1.0), path, found)
    assert figure.axes[0].get_title() == "neither implies the other"
    figure.canvas.draw()
