"""One row of the comparison: all that is known of one model, and how it is written."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from ..core.likelihood import Likelihood
from ..metrics.critic_rate import CriticRate
from ..metrics.measurement import Measurement
from ..metrics.samples import SampleQuality
from ..metrics.surgery import Levels, Surgery
from ..training.reports import Report
from .places import slug_of


@dataclass
class Row:
    """What the comparison knows of one model. What was not measured is None."""

    name: str
    model: str
    family: str
    about: str
    data: str
    likelihood: Likelihood | None
    quality: SampleQuality
    parameters: int
    train_seconds: float | None
    samples_per_second: float
    seed: int | None
    samples: Tensor
    neighbours: Tensor
    walk: Tensor | None
    history: list[Report] = field(default_factory=list)
    title: str = ""
    untrained: Likelihood | None = None
    untrained_quality: SampleQuality | None = None
    further: tuple[Measurement, ...] = ()
    surgery: Surgery | Levels | None = None
    annealed: Likelihood | None = None
    critic: CriticRate | None = None
    measured_here: bool = True

    @property
    def pixels(self) -> bool:
        """Whether the data are images, whose likelihood can be told in bits/dim."""
        return self.samples.ndim == 4

    @property
    def numbers(self) -> tuple[Measurement, ...]:
        """All that was measured on samples."""
        return (*self.quality, *self.further)

    @property
    def slug(self) -> str:
        """The name as a file's name and an anchor: letters, digits and hyphens."""
        return slug_of(self.name)

    def record(self) -> dict[str, Any]:
        """The row of `results.json`."""
        quality, before = self.quality, self.untrained_quality
        seconds = None if self.train_seconds is None else round(self.train_seconds, 2)
        return {
            "model": self.model,
            "title": self.title,
            "preset": self.name,
            "family": self.family,
            "data": self.data,
            "likelihood": self.likelihood.record() if self.likelihood else None,
            **{number: getattr(quality, number).value for number in quality._fields},
            **{f"{number}_stderr": getattr(quality, number).stderr for number in quality._fields},
            **{f"{number}_interval": _ends(getattr(quality, number)) for number in quality._fields},
            "extractor": quality.frechet.extractor,
            "resize": quality.frechet.resize,
            "samples": quality.frechet.samples,
            "references": quality.frechet.references,
            "parameters": self.parameters,
            "train_seconds": seconds,
            "samples_per_second": round(self.samples_per_second, 1),
            "seed": self.seed,
            "untrained": {
                "likelihood": self.untrained.record() if self.untrained else None,
                "frechet": before.frechet.value if before else None,
            },
            "surgery": self.surgery.record() if self.surgery else None,
            "ais": self.annealed.record() if self.annealed else None,
            "critic": self.critic.record() if self.critic else None,
            "numbers": {number.name: number.record() for number in self.numbers},
        }


def _ends(number: Measurement) -> list[float] | None:
    """The ends of a number's 95 % interval; by which method is told in "numbers"."""
    return [number.interval.low, number.interval.high] if number.interval else None
