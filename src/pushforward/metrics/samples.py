"""What is measured on a model's samples, and the extractor that a space is looked at with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from ..core.contract import Generative
from ..core.dataset import Split
from ..core.spaces import Pixels, Reals, Space
from .features import Extractor, Features, features_as_given, raw_pixels
from .frechet import frechet_distance
from .measurement import Measurement
from .precision_recall import precision_and_recall
from .small_classifier import cifar10_classifier, digits_classifier, mnist_classifier

CLASSIFIERS = {
    (1, 8, 8): (digits_classifier, 17),
    (1, 28, 28): (mnist_classifier, 256),
    (3, 32, 32): (cifar10_classifier, 256),
}
GROUPS = 10  # of the jackknife


class SampleQuality(NamedTuple):
    """Frechet distance, precision and recall of samples, with one extractor."""

    frechet: Measurement
    precision: Measurement
    recall: Measurement


def extractor_for(space: Space) -> Features:
    """The named small classifier for the space's size, else raw pixels, else the numbers.

    Images with other levels than the classifier's are requantised to its own.
    """
    if isinstance(space, Reals):
        return features_as_given
    if not isinstance(space, Pixels):
        raise ValueError(f"there is no feature extractor for {space}: give one")
    if space.shape not in CLASSIFIERS:
        return raw_pixels(space)
    build, levels = CLASSIFIERS[space.shape]
    classifier = build()
    return classifier if space.levels == levels else _requantised(classifier, space, levels)


def _requantised(classifier: Extractor, space: Pixels, levels: int) -> Extractor:
    target = Pixels(space.channels, space.height, space.width, levels)

    def prepare(x: Tensor) -> Tensor:
        return classifier.prepare(target.from_unit(space.to_unit(space.check(x))))

    name = f"{classifier.name} of {space.levels} levels"
    return Extractor(name, classifier.hash, classifier.network, prepare, head=classifier.head)


def drawn(model: Generative, n: int, split: Split, size: int = 256, seed: int = 0) -> Tensor:
    """`n` samples, `size` at a time, under a seed; a conditional model draws for the split's
    labels.

    The caller's random state is left as it was.
    """
    training = model.training
    model.eval()
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        parts = []
        for start in range(0, n, size):
            m = min(size, n - start)
            index = torch.arange(start, start + m) % len(split)
            conditions = [c.to(model.device) for c in split.at(index)[1:]]
            parts.append(model.sample(m, *conditions).cpu())
    model.train(training)
    return torch.cat(parts)


def looked_at(split: Split) -> Tensor:
    """All x of a split through its view, which draws under a seed of its own."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return split.at(slice(None))[0]


def sample_quality(
    samples: Tensor, references: Tensor, space: Space, extractor: Features | None = None
) -> SampleQuality:
    """The metrics of `samples` against as many `references`, each with its standard error.

    The distance's is a jackknife's, because it is biased by how many *different* examples there
    are, which a bootstrap changes. Raises ValueError for NaN.
    """
    look = extractor or extractor_for(space)
    groups = GROUPS if min(len(samples), len(references)) >= 10 * GROUPS else 1
    pr = precision_and_recall(samples, references, look)
    distance = frechet_distance(samples, references, look, groups)
    return SampleQuality(distance, pr.precision, pr.recall)


def ranked(distances: Mapping[str, Measurement | None]) -> list[str]:
    """The names whose distances were measured, the least distance first.

    Raises ValueError where they were not measured alike: by another extractor, or on fewer samples.
    """
    found = {name: distance for name, distance in distances.items() if distance is not None}
    for name, distance in found.items():
        first, one = next(iter(found.items()))
        if differences := one.differences(distance):
            raise ValueError(
                f"{first} and {name} cannot be compared, they differ in {'; '.join(differences)}"
            )
    return sorted(found, key=lambda name: found[name].value)
