"""Samples of a model as the report sees them: some to show, features of all, their quality."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from torch import Tensor

from ..core.contract import Generative
from ..core.dataset import Dataset
from ..data.cache import cache_folder
from ..metrics.draws import Draws
from ..metrics.features import Features
from ..metrics.measurement import Measurement
from ..metrics.references import Seen, looked_at, reference_features
from ..metrics.samples import SampleQuality, further_quality, sample_quality
from ..metrics.sharing import place

GRID, SAMPLES = 64, 2_000
TRAINING = 10_000  # examples that samples are searched among for copies


Watch = Callable[[int, int], None]
"""Told how many of how many are done."""


def _after(first: Tensor, draws: Draws, watch: Watch | None) -> Iterator[Tensor]:
    yield first
    for i in range(1, len(draws)):
        if watch is not None:
            watch(i, len(draws))
        yield draws.at(i)


@dataclass(frozen=True)
class Sampled:
    """Samples of a model, seen in batches: their features, their quality, the first of them."""

    look: Features
    seen: Seen
    references: Seen
    quality: SampleQuality
    shown: Tensor
    speed: float

    @classmethod
    def of(
        cls,
        model: Generative,
        data: Dataset,
        look: Features,
        samples: int = SAMPLES,
        watch: Watch | None = None,
    ) -> Sampled:
        """As many samples as there are test data, at most `samples`, through the extractor `look`.

        Only features are held. `watch` is told how many batches of how many are done.
        """
        some = data.test.first(samples)
        Draws(model, 2, some).at(0)  # what is made at first use is not counted
        draws = Draws(model, len(some), some)
        start = time.perf_counter()
        first = draws.at(0)
        speed = len(first) / (time.perf_counter() - start)
        # The first batch is not drawn twice, unless processes share the batches among them.
        seen = Seen.of(draws if place()[1] > 1 else _after(first, draws, watch), look)
        against = reference_features(data, "test", look, len(some), cache_folder())
        quality = sample_quality(seen, against, look)
        return cls(look, seen, against, quality, first[:GRID], speed)

    def further(self, data: Dataset) -> tuple[Measurement, ...]:
        """More of the same features, and how near they are to the first training examples."""
        train = reference_features(data, "train", self.look, TRAINING, cache_folder())
        return tuple(further_quality(self.seen, self.references, train, self.look))


def neighbours(samples: Tensor, data: Dataset, look: Features) -> Tensor:
    """The training example nearest to each sample, in the extractor's features."""
    from ..metrics.neighbours import nearest_features

    train = reference_features(data, "train", look, folder=cache_folder())
    _, index = nearest_features(Seen.of(samples, look).features, train.features)
    return looked_at(data.train)[index[:, 0]]
