"""What is measured on a model's samples."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from ..core.contract import Generative
from ..core.dataset import Split
from .draws import Draws
from .features import Batches, Extractor, Features, features_as_given, range_notes
from .frechet import frechet_distance
from .inception import inception_score
from .kernel import kernel_distance
from .measurement import Measurement
from .memorisation import memorisation_test
from .prd import precision_recall_curve
from .precision_recall import density_and_coverage, precision_and_recall
from .references import Seen

GROUPS = 10  # of the jackknife


class SampleQuality(NamedTuple):
    """Frechet distance, precision and recall of samples, with one extractor."""

    frechet: Measurement
    precision: Measurement
    recall: Measurement


def drawn(model: Generative, n: int, split: Split, size: int = 256, seed: int = 0) -> Tensor:
    """`n` samples in one tensor; `Draws` are the same samples without holding them."""
    return torch.cat(list(Draws(model, n, split, size, seed)))


def seen(data: Batches | Draws | Seen, look: Features) -> Seen:
    """The data through an extractor, unless they are features already."""
    return data if isinstance(data, Seen) else Seen.of(data, look)


def sample_quality(
    samples: Batches | Draws | Seen,
    references: Batches | Draws | Seen,
    look: Features = features_as_given,
) -> SampleQuality:
    """The metrics of `samples` against as many `references`, each with its standard error.

    Both pass once, batch by batch, through the extractor `look` (`extractor_for(data)` is one), but
    for what was `Seen`: what is held is their features, never the samples themselves.
    The distance's error is a jackknife's, because it is biased by how many *different* examples
    there are, which a bootstrap changes. Raises ValueError for NaN or different extractors.
    """
    x, y = seen(samples, look), seen(references, look)
    x.check_alike(y)
    groups = GROUPS if min(len(x), len(y)) >= 10 * GROUPS else 1
    pr = precision_and_recall(x.features, y.features)
    distance = frechet_distance(x.features, y.features, groups=groups)
    notes = range_notes(x.range, y.range)
    return SampleQuality(*(x.name(number, notes) for number in (distance, *pr)))


def further_quality(
    samples: Seen, references: Seen, train: Seen | None = None, look: Features | None = None
) -> Iterator[Measurement]:
    """More of the same features: density, coverage, KID, PRD, and where they can be had the
    Inception Score (of a classifier, `look`) and the memorisation test (against `train`).

    What needs more examples than there are is left out.
    """
    samples.check_alike(references)
    x, y = samples.features, references.features
    few = min(len(x), len(y))
    found: list[Measurement] = []
    if len(y) > 5:
        found += density_and_coverage(x, y)
    if few >= 4:
        found.append(kernel_distance(x, y, subsets=50, subset_size=min(1000, few // 2)))
    if few >= 20:
        found += precision_recall_curve(x, y)[:2]
    if isinstance(look, Extractor) and look.head is not None:
        # A split of few samples cannot show all classes, and scores lower for that alone.
        found.append(inception_score(x, look.head, splits=max(1, min(10, len(x) // 500))))
    if train is not None:
        train.check_alike(samples)
        found += memorisation_test(x, train.features, y)
    return map(samples.name, found)


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
