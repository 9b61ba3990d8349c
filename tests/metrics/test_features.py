"""Extractors, their hashes, and measurements that refuse to be compared."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
import torch
from safetensors import safe_open
from torch import nn

from pushforward.core.spaces import Pixels
from pushforward.data import digits
from pushforward.metrics.features import Extractor, Resize, collect, label, raw_pixels, weights_hash
from pushforward.metrics.frechet import frechet_distance
from pushforward.metrics.inception import inception_score
from pushforward.metrics.measurement import Measurement
from pushforward.metrics.precision_recall import precision_and_recall
from pushforward.metrics.small_classifiers import (
    WEIGHTS,
    SmallClassifier,
    digits_classifier,
    mnist_classifier,
    small_classifier,
)


def test_the_hash_is_of_the_weights():
    torch.manual_seed(0)
    a, b = nn.Linear(3, 2), nn.Linear(3, 2)
    first = weights_hash(a)
    assert len(first) == 8
    assert first != weights_hash(b)
    b.load_state_dict(a.state_dict())
    assert first == weights_hash(b)
    with torch.no_grad():
        b.weight[0, 0] = torch.nextafter(b.weight[0, 0], torch.tensor(1.0))
    assert first != weights_hash(b)


def test_raw_pixels():
    x = torch.tensor([[[[0, 16], [8, 4]]]], dtype=torch.uint8).repeat(2, 1, 1, 1)
    features = collect(x, raw_pixels(Pixels(1, 2, 2, levels=17)))
    torch.testing.assert_close(features[0], torch.tensor([0, 1, 0.5, 0.25]))


def test_batches_may_be_tuples_with_labels():
    x = torch.randn(7, 2)
    assert torch.equal(collect([(x[:4], None), (x[4:], None)]), x)


def test_resizing_is_named_beside_the_number():
    network = nn.AvgPool2d(4)
    plain, sharp = (Extractor.of("pool", network, resize=Resize(8, 8, a)) for a in (True, False))
    x = torch.randint(0, 256, (30, 1, 16, 16), dtype=torch.uint8)
    a, b = frechet_distance(x, x, plain), frechet_distance(x, x, sharp)
    assert a.resize == "bilinear, antialiased 8x8"
    with pytest.raises(ValueError, match="resize: 'bilinear, antialiased 8x8' and 'bilinear 8x8'"):
        a.compare(b)


def test_only_like_measurements_compare():
    a = Measurement("FID", 3.0, 0.3, 100, 100, "net@12")
    assert a < replace(a, value=3.5)
    assert a.compare(replace(a, value=3.5, stderr=0.4)) == (-0.5, pytest.approx(0.5))
    assert a.compare(replace(a, stderr=None)) == (0, None)
    for change in ({"samples": 99}, {"extractor": "net@13"}, {"settings": "k=3"}, {"name": "KID"}):
        with pytest.raises(ValueError, match=next(iter(change))):
            _ = a < replace(a, **change)
    with pytest.raises(ValueError, match="not a number"):
        Measurement("FID", math.nan)


def test_modules_and_functions_are_labelled():
    assert label(torch.sigmoid) == {"extractor": "sigmoid"}
    assert label(nn.Linear(2, 2))["extractor"].startswith("Linear@")


@pytest.mark.parametrize("shape", [(1, 8, 8), (1, 28, 28), (3, 32, 32)])
def test_small_classifier_shapes(shape):
    network = SmallClassifier(*shape, classes=10).eval()
    assert network(torch.zeros(2, *shape)).shape == (2, 128)
    assert 100_000 < sum(p.numel() for p in network.parameters()) < 125_000


def test_shipped_weights_reach_what_their_header_says():
    with safe_open(WEIGHTS / "digits.safetensors", framework="pt") as file:
        about = json.loads(file.metadata()["about"])
    x, y = digits(labels=True).test.tensors
    accuracy = (digits_classifier().logits(x).argmax(1) == y).double().mean().item()
    assert about["test_examples"] == len(y)
    assert accuracy == pytest.approx(about["test_accuracy"], abs=1.5 / len(y))
    assert accuracy > 0.98


def test_metrics_of_real_digits():
    """Real against real is near the best of every metric, noise near the worst."""
    data = digits()
    real, other = data.train.tensors[0][:300], data.train.tensors[0][300:600]
    torch.manual_seed(0)
    noise = torch.randint(0, 17, real.shape, dtype=torch.uint8)
    look = digits_classifier()
    like, unlike = (frechet_distance(s, real, look) for s in (other, noise))
    assert like.value < 0.1 * unlike.value
    assert like.extractor.startswith("small classifier of digits@")
    assert inception_score(real, look.logits, splits=1).value > 7
    assert inception_score(noise, look.logits, splits=1).value < 4
    assert inception_score(real, look.logits).extractor == like.extractor
    assert precision_and_recall(other, real, look).precision.value > 0.8
    assert precision_and_recall(noise, real, look).precision.value < 0.3


def test_shipped_weights_load():
    extractor = mnist_classifier()
    x = torch.randint(0, 256, (3, 1, 28, 28), dtype=torch.uint8)
    assert extractor.logits(x).shape == (3, 10)
    assert torch.equal(extractor(x[:1]), extractor(x[:1]))
    with pytest.raises(ValueError, match="expected uint8"):
        extractor(x.float())
    with pytest.raises(FileNotFoundError, match=r"bench/classifiers\.py"):
        small_classifier("nowhere.safetensors")
    with pytest.raises(ValueError, match="no logits"):
        raw_pixels(Pixels(1, 2, 2)).logits(x)
