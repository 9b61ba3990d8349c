"""Evaluation of checkpoints on the test split of their data, in lines for the terminal."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace

from ..core import checkpoint
from ..core.contract import Bounded, Density, Generative, Weighted
from ..core.dataset import Dataset, Split
from ..core.spaces import Pixels, Tokens, count
from ..data import find
from ..data.cache import cache_folder
from ..metrics.draws import Draws
from ..metrics.likelihood import nats
from ..metrics.measurement import Measurement
from ..metrics.references import Seen, reference_features
from ..metrics.samples import extractor_for, further_quality, ranked, sample_quality
from .measure import SAMPLES, recorded_data
from .sentences import grammatical_lines

TRAINING = 10_000  # examples that samples are searched among for copies


def evaluated(
    paths: Sequence[str], data: str | None = None, k: int | None = None, samples: int | None = None
) -> Iterator[str]:
    """Likelihood and sample metrics of every checkpoint, and which is best where there are several.

    Args:
        paths: of .safetensors files.
        data: what all are measured on, as `pushforward.data.find` understands it; None takes what
            each was trained on.
        k: samples of the importance-weighted bound.
        samples: how many are drawn and compared; None takes as many as there are test data.

    Raises:
        ValueError: before anything is measured, for a model of another space than its data or `k`
            for one without importance weights; at the end, where numbers cannot be compared.
    """
    n = count("samples", SAMPLES if samples is None else samples, 2)
    subjects = {path: _subject(path, data, k) for path in paths}
    distances: dict[str, Measurement | None] = {}
    for path, (model, source) in subjects.items():
        yield f"{path}: {type(model).__name__} on {source.name}, test split"
        yield from likelihood_lines(model, source.test, k)
        distances[path] = yield from _quality_lines(model, source, n)
    if len(subjects) > 1:
        _check_one_data({path: source for path, (_, source) in subjects.items()})
        yield f"by Frechet distance, best first: {', '.join(ranked(distances))}"


def likelihood_lines(model: Generative, split: Split, k: int | None = None) -> Iterator[str]:
    """The likelihood in nats, for images in bits/dim as well; "none" for a model without."""
    if not isinstance(model, Density | Bounded):
        yield "test: likelihood none"
        return
    found = nats(model, split, k)
    yield f"test: {found}"
    if isinstance(model.space, Pixels):
        yield f"test: {replace(found, unit='bits/dim')}"


def _subject(path: str, data: str | None, k: int | None) -> tuple[Generative, Dataset]:
    model = checkpoint.load(path)
    source = find(data) if data else recorded_data(checkpoint.read(path))
    if model.space != source.space:
        raise ValueError(
            f"{path} is a model of {model.space}, but {source.name} holds {source.space}: "
            "give --data what it was trained on"
        )
    if k is not None and not isinstance(model, Weighted):
        raise ValueError(f"{path}: {type(model).__name__} has no importance weights: leave --k out")
    return model, source


def _quality_lines(
    model: Generative, source: Dataset, samples: int
) -> Generator[str, None, Measurement | None]:
    """The sample metrics, drawn and seen batch by batch; it returns the Frechet distance."""
    if isinstance(model.space, Tokens):
        yield from grammatical_lines(model, source, samples)
        return None
    look, folder = extractor_for(model.space), cache_folder()
    references = reference_features(source, "test", look, samples, folder)
    train = reference_features(source, "train", look, TRAINING, folder)
    drawn = Seen.of(Draws(model, len(references), source.test), look)
    quality = sample_quality(drawn, references, model.space, look)
    yield from (f"test: {number}" for number in quality)
    yield from (f"test: {more}" for more in further_quality(drawn, references, train, look))
    return quality.frechet


def _check_one_data(data: dict[str, Dataset]) -> None:
    if len({source.name for source in data.values()}) > 1:
        told = ", ".join(f"{path} on {source.name}" for path, source in data.items())
        raise ValueError(f"numbers of different data cannot be compared: {told}")
