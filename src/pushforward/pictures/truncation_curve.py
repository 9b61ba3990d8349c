"""The dial of a generator: as noise is truncated less, precision falls and recall rises."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ..core.dataset import Dataset
from ..media.trained import opened
from ..metrics.draws import Draws
from ..metrics.features import Features
from ..metrics.looking import extractor_for
from ..metrics.references import Seen
from ..metrics.samples import sample_quality
from ..presets.adversarial_images import biggan_digits
from .gallery import learned, picture
from .shown import blank

if TYPE_CHECKING:
    from .notebook import Sheet

THRESHOLDS = (0.25, 0.5, 1.0, 1.5, 2.5)


@dataclass(frozen=True)
class Point:
    """Precision and recall of samples that were truncated at a threshold."""

    threshold: float
    precision: float
    recall: float
    frechet: float


@dataclass(frozen=True)
class Truncated:
    """A generator as `Draws` asks for one, whose samples are truncated."""

    model: Any
    threshold: float

    def __getattr__(self, name: str) -> Any:
        return getattr(self.model, name)

    def sample(self, n: int, *conditions: Tensor) -> Tensor:
        """`n` data of truncated noise, or styles."""
        return self.model.sample(n, *conditions, truncation=self.threshold)


@picture
def draw(checkpoint: str | None = None, samples: int = 2_000) -> Sheet:
    """Precision and recall of a BigGAN over five thresholds.

    Args:
        checkpoint: a .safetensors file of a GAN; None trains a BigGAN of digits.
        samples: at each threshold, and as many test examples, where there are so many.
    """
    if checkpoint is None:
        experiment = biggan_digits()
        model, data = learned(experiment), experiment.data
    else:
        trained = opened(checkpoint)
        model, data = trained.model, trained.data()
    if hasattr(model, "settle"):
        torch.manual_seed(0)
        model.settle()
    return truncation_panel(truncation_curve(model, data, samples=samples))


def truncation_curve(
    model: Any,
    data: Dataset,
    thresholds: Sequence[float] = THRESHOLDS,
    samples: int = 2_000,
    look: Features | None = None,
) -> list[Point]:
    """A point for each threshold, against the test split.

    Args:
        model: whose samples take a `truncation`, such as any `GAN`.
        data: with a test split; what the model is told comes with it.
        thresholds: of a BigGAN's noise; of a StyleGAN psi, in (0, 1].
        samples: at each threshold.
        look: the extractor; what is sound for the data where None.
    """
    look = look or extractor_for(data)
    split = data.told(model.given).test
    n = min(samples, len(split))
    real = Seen.of(split.first(n).batches(), look)
    found = []
    for threshold in thresholds:
        truncated: Any = Truncated(model, threshold)
        quality = sample_quality(Draws(truncated, n, split), real, look)
        distance, precision, recall = (number.value for number in quality)
        found.append(Point(threshold, precision, recall, distance))
    return found


def truncation_panel(points: Sequence[Point]) -> Sheet:
    """Precision and recall by threshold, and one against the other."""
    figure = blank(8, 3.2)
    left, right = figure.subplots(1, 2)
    at = [point.threshold for point in points]
    precision, recall = ([getattr(p, name) for p in points] for name in ("precision", "recall"))
    left.plot(at, precision, "o-", label="precision")
    left.plot(at, recall, "s--", label="recall")
    left.set(xlabel="threshold", ylim=(-0.02, 1.02))
    left.legend()
    right.plot(recall, precision, "o-")
    for point in points:
        right.annotate(
            f"{point.threshold:g}", (point.recall, point.precision), (2, -12),
            textcoords="offset points", fontsize=8,
        )  # fmt: skip
    right.set(xlabel="recall", ylabel="precision", xlim=(-0.02, 1), ylim=(0, 1.02))
    return figure
