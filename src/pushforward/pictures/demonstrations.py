"""What the numbers of lecture 10 can hide, measured: three demonstrations that return numbers.

- Likelihood and sample quality are independent (Theis et al., 2016, arXiv:1511.01844, 3.2).
- Truncation moves a model along its precision-recall curve (Kynkaanniemi et al., 2019,
  arXiv:1904.06991, section 4.1).
- The Inception Score is fooled by one image per class (Barratt & Sharma, 2018, arXiv:1801.01973).

`what_numbers_hide` draws them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from ..core.contract import Bounded, Density, Pushforward
from ..core.dataset import Dataset
from ..metrics.features import Extractor, Features
from ..metrics.inception import inception_score
from ..metrics.looking import extractor_for
from ..metrics.measurement import Measurement
from ..metrics.precision_recall import (
    PrecisionRecall,
    density_and_coverage,
    precision_and_recall,
)
from ..metrics.references import Seen, looked_at
from ..metrics.samples import SampleQuality, drawn, sample_quality
from ..theory.likelihood_and_samples import (
    diluted,
    diluted_log_prob,
    memory_log_prob,
    memory_samples,
)


class Judged(NamedTuple):
    """The mean of -log p(x) in nats per test example, and the quality of as many samples."""

    nats: float
    quality: SampleQuality


@torch.no_grad()
def likelihood_without_samples(
    model: Density | Bounded, data: Dataset, share: float = 0.01
) -> dict[str, Judged]:
    """`model`, the same diluted with noise, and a memory of the training images, on the test split.

    The diluted model keeps the likelihood to -log share nats and loses its samples; the memory has
    nearly perfect samples and the worst likelihood. `data` are `Pixels`.
    """
    x, train, space = looked_at(data.test), looked_at(data.train), data.space
    look = extractor_for(data)
    references = Seen.of(x, look)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        log_p = model.eval().log_prob(x) if isinstance(model, Density) else model.elbo(x)
    samples = drawn(model, len(x), data.test)
    three = {
        "model": (log_p, samples),
        "diluted": (diluted_log_prob(log_p, space, share), diluted(samples, space, share)),
        "memory": (memory_log_prob(x, train, space), memory_samples(len(x), train, space)),
    }
    return {
        name: Judged(-log_q.double().mean().item(), sample_quality(s, references, look))
        for name, (log_q, s) in three.items()
    }


@torch.no_grad()
def truncation(
    model: Pushforward,
    references: Tensor,
    extractor: Features,
    at: Sequence[float] = (0.2, 0.4, 0.6, 0.8, 1.0),
    seed: int = 0,
) -> list[PrecisionRecall]:
    """Precision and recall where noise is scaled by each of `at`: the same noise at each.

    Scaled towards 0, samples gather where the model is surest: precision rises, recall falls.
    """
    y = Seen.of(references, extractor)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        noise = model.eval().latents(len(references))
    found = []
    for scale in at:
        x = Seen.of(model.push(noise * scale), extractor)
        pair = precision_and_recall(x.features, y.features)
        found.append(PrecisionRecall(*map(x.name, pair)))
    return found


class Fooled(NamedTuple):
    """Inception Score, recall and coverage of a set."""

    score: Measurement
    recall: Measurement
    coverage: Measurement


def one_image_per_class(data: Dataset, classifier: Extractor) -> dict[str, Fooled]:
    """Real training images, and the surest image of each class over and over, as many as there
    are test examples.

    The Inception Score prefers the second. Raises ValueError for what is no classifier.
    """
    x, references = looked_at(data.train), looked_at(data.test)
    chosen = classifier.logits(x).log_softmax(1).argmax(0)
    repeated = x[chosen[torch.arange(len(references)) % len(chosen)]]
    y = Seen.of(references, classifier)
    return {
        "real": _fooled(x[: len(references)], y, classifier),
        "one per class": _fooled(repeated, y, classifier),
    }


def _fooled(samples: Tensor, references: Seen, classifier: Extractor) -> Fooled:
    x = Seen.of(samples, classifier)
    score = inception_score(samples, classifier.logits, splits=1)
    recall = precision_and_recall(x.features, references.features).recall
    coverage = density_and_coverage(x.features, references.features).coverage
    return Fooled(score, x.name(recall), x.name(coverage))
