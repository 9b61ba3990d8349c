"""Mean and covariance of features, streamed in float64, mergeable across batches and processes.

    n = n_a + n_b,   delta = mu_b - mu_a
    mu = mu_a + delta n_b / n
    M  = M_a + M_b + delta delta^T n_a n_b / n        (scatter; covariance = M / (n - 1))

Chan, Golub, LeVeque (1983), Algorithms for computing the sample variance, eq. 2.1. Raw second
moments would cancel; centred ones do not, so any batch size gives the same number to rounding.
One batch is in memory at a time, beside one (features, features) matrix.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from torch import Tensor

from ..core.spaces import count
from .features import (
    UNKNOWN,
    Batches,
    Features,
    Range,
    extract,
    features_as_given,
    label,
    range_of,
    span_of,
)


@dataclass(frozen=True)
class Statistics:
    """Count, mean (features,), scatter (features, features), and the extractor they came from.

    `range` is the least and the largest feature.
    """

    count: int
    mean: Tensor
    scatter: Tensor
    extractor: str = "features as given"
    resize: str = "none"
    range: Range = UNKNOWN

    @classmethod
    def of(
        cls, features: Tensor, extractor: str = "features as given", resize: str = "none"
    ) -> Statistics:
        """The statistics of one batch of features (batch, features)."""
        x = features.double()
        mean = x.mean(0) if len(x) else x.new_zeros(x.shape[1])
        centred = x - mean
        return cls(len(x), mean, centred.T @ centred, extractor, resize, range_of(x))

    @property
    def dims(self) -> int:
        """How many features there are."""
        return len(self.mean)

    @property
    def degrees(self) -> int:
        """Degrees of freedom of the covariance; raises ValueError below two examples."""
        if self.count < 2:
            raise ValueError(f"a covariance needs at least 2 examples, {self.count} were given")
        return self.count - 1

    @property
    def covariance(self) -> Tensor:
        """The unbiased covariance (features, features); raises ValueError below two examples."""
        return self.scatter / self.degrees

    def __add__(self, other: Statistics) -> Statistics:
        """The statistics of both sets together; raises ValueError where they do not belong."""
        if not isinstance(other, Statistics):
            return NotImplemented
        self.check_alike(other)
        total = self.count + other.count
        delta = other.mean - self.mean
        mean = self.mean + delta * (other.count / max(total, 1))
        shift = delta * (self.count * other.count / max(total, 1))
        scatter = (self.scatter + other.scatter).addr_(shift, delta)
        span = span_of([self.range, other.range])
        return replace(self, count=total, mean=mean, scatter=scatter, range=span)

    def check_alike(self, other: Statistics) -> None:
        """Raises ValueError for statistics of other features, other weights, another resizing."""
        for field in ("extractor", "resize", "dims"):
            mine, its = getattr(self, field), getattr(other, field)
            if mine != its:
                raise ValueError(f"statistics differ in {field}: {mine!r} and {its!r}")

    def notes(self, name: str) -> tuple[str, ...]:
        """A warning where there are too few examples for the covariance to have full rank."""
        if self.count > self.dims:
            return ()
        return (
            f"{name}: {self.count} examples of {self.dims} features, "
            f"covariance of rank {self.count - 1} at most",
        )


def statistics_by_group(
    data: Batches, extractor: Features = features_as_given, groups: int = 1
) -> list[Statistics]:
    """Statistics of `groups` parts of the data: example i falls into part i mod `groups`.

    Parts do not depend on the batch size. Raises ValueError for NaN or for too few examples.
    """
    parts: list[Statistics | None] = [None] * count("groups", groups)
    about, seen = label(extractor), 0
    for features in extract(data, extractor):
        for i in range(min(groups, len(features))):
            k = (seen + i) % groups
            part = Statistics.of(features[i::groups], **about)
            kept = parts[k]
            parts[k] = part if kept is None else kept + part
        seen += len(features)
    if seen < 2 * groups:
        raise ValueError(f"at least {2 * groups} examples are needed, {seen} were given")
    return [part for part in parts if part is not None]


def feature_statistics(data: Batches, extractor: Features = features_as_given) -> Statistics:
    """The statistics of all features of the data, holding one batch at a time.

    >>> import torch
    >>> feature_statistics(torch.tensor([[0.0], [2.0]])).covariance
    tensor([[2.]], dtype=torch.float64)
    """
    return statistics_by_group(data, extractor)[0]
