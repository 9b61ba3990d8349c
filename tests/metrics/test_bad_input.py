"""What cannot be measured is refused, what should be doubted is said beside the number."""

from __future__ import annotations

import math

import pytest
import torch

from pushforward.data import digits
from pushforward.metrics.features import UNKNOWN, range_notes, raw_pixels, span_of
from pushforward.metrics.frechet import frechet_distance
from pushforward.metrics.kernel import kernel_distance
from pushforward.metrics.precision_recall import density_and_coverage, precision_and_recall
from pushforward.metrics.references import Seen
from pushforward.metrics.samples import ranked, sample_quality
from pushforward.metrics.small_classifiers import digits_classifier

SCALE = "are they on one scale"


def unit(n: int = 60, dims: int = 4, seed: int = 0) -> torch.Tensor:
    return torch.rand(n, dims, generator=torch.Generator().manual_seed(seed)).double()


@pytest.mark.parametrize("change", [lambda x: 255 * x, lambda x: 2 * x - 1, lambda x: x + 3])
def test_references_of_another_range_are_doubted(change):
    x, y = unit(), change(unit(seed=1))
    numbers = [
        frechet_distance(x, y),
        kernel_distance(x, y, subset_size=60, subsets=2),
        *precision_and_recall(x, y),
        *density_and_coverage(x, y),
        *sample_quality(x, y),
    ]
    for number in numbers:
        assert sum(SCALE in note for note in number.notes) == 1, str(number)


def test_like_ranges_are_not_doubted():
    x = unit()
    for y in (unit(seed=1), 1.5 * unit(seed=1), unit(9, seed=2)):
        assert not any(SCALE in note for note in frechet_distance(x, y).notes)
    assert range_notes(UNKNOWN, (0.0, 1.0)) == ()
    assert span_of([(0.0, 2.0), (-1.0, 1.0)]) == (-1.0, 2.0)
    assert span_of([]) == UNKNOWN


def test_other_levels_and_floats_of_images():
    """Images of 2 levels beside images of 17; floats and numbers above the levels are refused."""
    x, look, space = digits().test.tensors[0][:120], digits_classifier(), digits().space
    binary = (x > 8).to(torch.uint8)
    found = sample_quality(binary, x, look)
    assert "samples range over 0 .. 1, references over 0 .. 16" in str(found.frechet)
    assert sample_quality(x, x, look).frechet.notes[-1:] != found.frechet.notes[-1:]
    for wrong, why in ((x / 16, "expected uint8"), (15 * x, "expected values 0 .. 16")):
        with pytest.raises(ValueError, match=why):
            sample_quality(wrong, x, look)
    with pytest.raises(ValueError, match="differ in extractor"):
        sample_quality(Seen.of(x, look), Seen.of(x, raw_pixels(space)))


def test_too_few_samples():
    x, y = unit(3), unit(50)
    assert "covariance of rank 2 at most" in str(frechet_distance(x, y))
    with pytest.raises(ValueError, match="k = 3 neighbours cannot be found among 2: lower k"):
        precision_and_recall(x, y)
    with pytest.raises(ValueError, match="subset_size 10 is larger than the smaller set, 3"):
        kernel_distance(x, y, subset_size=10)
    with pytest.raises(ValueError, match="at least 2 examples are needed, 1"):
        frechet_distance(x[:1], y)


def test_nan_is_refused_with_how_many():
    x = unit().index_fill(0, torch.tensor([1, 5]), math.nan)
    for metric in (frechet_distance, precision_and_recall, kernel_distance):
        with pytest.raises(ValueError, match="2 of 60 examples are NaN or infinite"):
            metric(x, unit())


def test_references_of_another_size():
    """Other radii are said beside the number; distances of other counts are not compared."""
    x, y = unit(60), unit(40, seed=1)
    assert "sets of unequal size (60 and 40)" in str(precision_and_recall(x, y).recall)
    a, b = frechet_distance(x, y), frechet_distance(x, y[:30])
    with pytest.raises(ValueError, match="references: 40 and 30"):
        ranked({"a": a, "b": b})
