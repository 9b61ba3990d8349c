"""One row of the comparison: a preset trained, timed and measured on held-out data."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from ..core.catalogue import Preset, presets
from ..core.contract import Bounded, Density, Generative, Weighted
from ..core.dataset import Dataset
from ..core.likelihood import Likelihood
from ..metrics import bits_per_dim
from ..metrics.samples import SampleQuality, drawn, extractor_for, sample_quality
from ..training.fit import fit
from ..training.reports import Report
from . import pictures

IMPORTANCE_SAMPLES = 50
GRID, PAIRS = 64, 8


@dataclass
class Row:
    """What the comparison knows of one model."""

    preset: str
    model: str
    family: str
    data: str
    likelihood: Likelihood | None
    untrained: Likelihood | None
    quality: SampleQuality
    untrained_quality: SampleQuality
    parameters: int
    train_seconds: float
    samples_per_second: float
    seed: int
    samples: Tensor
    neighbours: Tensor
    walk: Tensor | None
    history: list[Report] = field(default_factory=list)

    def record(self) -> dict[str, Any]:
        """The row of `results.json`."""
        return {
            "model": self.model,
            "preset": self.preset,
            "family": self.family,
            "data": self.data,
            "likelihood": self.likelihood.record() if self.likelihood else None,
            "frechet": self.quality.frechet.value,
            "precision": self.quality.precision.value,
            "recall": self.quality.recall.value,
            "extractor": self.quality.frechet.extractor,
            "samples": self.quality.frechet.samples,
            "parameters": self.parameters,
            "train_seconds": round(self.train_seconds, 2),
            "samples_per_second": round(self.samples_per_second, 1),
            "seed": self.seed,
            "untrained": {
                "likelihood": self.untrained.record() if self.untrained else None,
                "frechet": self.untrained_quality.frechet.value,
            },
        }


def measure(name: str, threads: int = 1) -> Row:
    """Trains the preset `name` and measures it beside its untrained self, on the test split."""
    torch.set_num_threads(threads)
    preset = presets()[name]
    torch.manual_seed(0)
    experiment = preset.build()
    data, recipe = experiment.data, experiment.recipe
    untrained = likelihood(experiment.model, data)
    untrained_quality, _, _ = _samples(experiment.model, data)
    history: list[Report] = []
    start = time.perf_counter()
    model = fit(experiment.model, data, recipe, quiet=True, history=history)
    seconds = time.perf_counter() - start
    quality, samples, speed = _samples(model, data)
    shown = samples[:GRID]
    return Row(
        preset=name,
        model=type(model).__name__,
        family=family(preset, model),
        data=data.name,
        likelihood=likelihood(model, data),
        untrained=untrained,
        quality=quality,
        untrained_quality=untrained_quality,
        parameters=sum(p.numel() for p in model.parameters()),
        train_seconds=seconds,
        samples_per_second=speed,
        seed=recipe.seed,
        samples=shown,
        neighbours=_neighbours(shown[:PAIRS], data),
        walk=pictures.walk(model),
        history=history,
    )


def family(preset: Preset, model: Generative) -> str:
    """The room that the model's class lives in: flow, latent, ..."""
    if not preset.systems:
        return "baseline"
    rooms = type(model).__module__.split(".")
    return rooms[2] if rooms[:2] == ["pushforward", "models"] else "yours"


def likelihood(model: Generative, data: Dataset) -> Likelihood | None:
    """Bits/dim on the test split with the tightest kind that the model declares; None without."""
    if not isinstance(model, Density | Bounded):
        return None
    k = IMPORTANCE_SAMPLES if isinstance(model, Weighted) else None
    return bits_per_dim(model, data.test, k)


def _samples(model: Generative, data: Dataset) -> tuple[SampleQuality, Tensor, float]:
    drawn(model, 2, data.test)  # what is made at first use is not counted
    n = len(data.test)
    start = time.perf_counter()
    samples = drawn(model, n, data.test)
    speed = n / (time.perf_counter() - start)
    references = data.test.at(slice(None))[0]
    return sample_quality(samples, references, data.space), samples, speed


def _neighbours(samples: Tensor, data: Dataset) -> Tensor:
    """The training example nearest to each sample, in the extractor's features."""
    from ..metrics.neighbours import nearest

    train = data.train.at(slice(None))[0]
    _, index = nearest(samples, train, extractor_for(data.space))
    return train[index[:, 0]]
