"""Measuring for the comparison: a preset is trained, a checkpoint taken up; both meet one split."""

from __future__ import annotations

import inspect
import json
import time
from pathlib import Path

import torch
from torch import Tensor

from ..core import checkpoint
from ..core.catalogue import Preset, preset_called
from ..core.contract import Bounded, Density, Generative, Weighted
from ..core.dataset import Dataset, Split
from ..core.likelihood import Likelihood
from ..core.spaces import Pixels
from ..data import find
from ..data.cache import cache_folder
from ..metrics.likelihood import bits_per_dim, nats
from ..metrics.references import Seen, looked_at, reference_features
from ..metrics.samples import SampleQuality, drawn, extractor_for, sample_quality
from ..training.fit import LOG, fit
from ..training.reports import Report
from . import pictures
from .naming import Named, named
from .row import Row

GRID, PAIRS, SAMPLES = 64, 8, 2_000
IMPORTANCE_SAMPLES = 50


def is_checkpoint(name: str) -> bool:
    """Whether a name to compare is that of a file, and not that of a preset."""
    return name.endswith(".safetensors")


def data_of(name: str) -> Dataset:
    """What a preset learns from, or what a checkpoint's record says that it learned from."""
    if not is_checkpoint(name):
        return preset_called(name).build().data
    return recorded_data(checkpoint.read(name))


def recorded_data(file: checkpoint.Checkpoint) -> Dataset:
    """The data that a checkpoint's record names. Raises ValueError where it names none."""
    described = file.record.get("data", {})
    if "spec" not in described:
        what = f"{described['name']!r}, which has no name here" if described else "no data"
        raise ValueError(f"{file.path} was trained on {what}: say which data with --data")
    return find(described["spec"])


def measure(name: str) -> Row:
    """The row of a preset, trained here with one thread, or of a checkpoint."""
    torch.set_num_threads(1)
    return _of_checkpoint(name) if is_checkpoint(name) else _of_preset(preset_called(name))


def _of_preset(preset: Preset) -> Row:
    torch.manual_seed(0)
    experiment = preset.build()
    data, recipe = experiment.data, experiment.recipe
    untrained = likelihood(experiment.model, data.test)
    untrained_quality, _, _ = _sampled(experiment.model, data)
    history: list[Report] = []
    start = time.perf_counter()
    model = fit(experiment.model, data, recipe, quiet=True, history=history)
    seconds = time.perf_counter() - start
    row = _row(preset.name, model, data, named(model, preset))
    row.about = (inspect.getdoc(preset.build) or "").split("\n\n")[0]
    row.train_seconds, row.seed, row.history = seconds, recipe.seed, history
    row.untrained, row.untrained_quality = untrained, untrained_quality
    return row


def _of_checkpoint(name: str) -> Row:
    file = checkpoint.read(name)
    model = checkpoint.load(name)
    row = _row(name, model, recorded_data(file), named(model))
    row.train_seconds = file.record.get("training", {}).get("seconds")
    row.seed = file.record.get("recipe", {}).get("fields", {}).get("seed")
    row.about = f"The checkpoint {name}, trained before."
    log = Path(name).with_name(LOG)
    if log.is_file():
        row.history = [Report(**json.loads(line)) for line in log.read_text().splitlines()]
    return row


def _row(name: str, model: Generative, data: Dataset, called: Named) -> Row:
    quality, samples, speed = _sampled(model, data)
    shown = samples[:GRID]
    return Row(
        name=name,
        model=called.label,
        title=called.title,
        family=called.family,
        about="",
        data=data.name,
        likelihood=likelihood(model, data.test),
        quality=quality,
        parameters=sum(p.numel() for p in model.parameters()),
        train_seconds=None,
        samples_per_second=speed,
        seed=None,
        samples=shown,
        neighbours=_neighbours(shown[:PAIRS], data),
        walk=pictures.walk(model),
    )


def likelihood(model: Generative, split: Split, k: int | None = None) -> Likelihood | None:
    """The likelihood of a split with its kind, None for a model without.

    Images are told in bits/dim, other data in nats. Where the model has importance weights, the
    bound is of `k` of them (None: IMPORTANCE_SAMPLES).
    """
    if not isinstance(model, Density | Bounded):
        return None
    measured = bits_per_dim if isinstance(model.space, Pixels) else nats
    weighted = isinstance(model, Weighted)
    return measured(model, split, (k or IMPORTANCE_SAMPLES) if weighted else k)


def _sampled(model: Generative, data: Dataset) -> tuple[SampleQuality, Tensor, float]:
    """The quality of as many samples as there are test data (at most SAMPLES), and the speed."""
    references = data.test.first(SAMPLES)
    drawn(model, 2, references)  # what is made at first use is not counted
    n = len(references)
    start = time.perf_counter()
    samples = drawn(model, n, references)
    speed = n / (time.perf_counter() - start)
    look = extractor_for(data.space)
    against = reference_features(data, "test", look, n, cache_folder())
    return sample_quality(samples, against, data.space, look), samples, speed


def _neighbours(samples: Tensor, data: Dataset) -> Tensor:
    """The training example nearest to each sample, in the extractor's features."""
    from ..metrics.neighbours import nearest_features

    look = extractor_for(data.space)
    train = reference_features(data, "train", look, folder=cache_folder())
    _, index = nearest_features(Seen.of(samples, look).features, train.features)
    return looked_at(data.train)[index[:, 0]]
