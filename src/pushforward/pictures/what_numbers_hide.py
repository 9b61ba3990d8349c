"""Pictures of what the numbers of evaluation can hide."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ..metrics.precision_recall import PrecisionRecall
from .demonstrations import Fooled, Judged
from .shown import blank

if TYPE_CHECKING:
    from .notebook import Sheet


def what_numbers_hide(
    judged: Mapping[str, Judged],
    scales: Sequence[float],
    truncated: Sequence[PrecisionRecall],
    fooled: Mapping[str, Fooled],
) -> Sheet:
    """Three panels: likelihood against distance, the path of truncation, score against recall."""
    figure = blank(11, 3.6)
    left, middle, right = figure.subplots(1, 3)
    for name, (nats, quality) in judged.items():
        left.scatter(nats, quality.frechet.value)
        left.annotate(name, (nats, quality.frechet.value))
    left.set(xlabel="nats per test image", ylabel="Fréchet distance", yscale="log")
    left.set_title("neither implies the other")
    shares = [(pair.precision.value, pair.recall.value) for pair in truncated]
    middle.plot(*zip(*shares), marker="o")
    for scale, place in zip(scales, shares):
        middle.annotate(f"{scale:g}", place)
    middle.set(xlabel="precision", ylabel="recall", xlim=(0, 1.05), ylim=(0, 1.05))
    middle.set_title("noise scaled by")
    for name, seen in fooled.items():
        right.scatter(seen.score.value, seen.coverage.value)
        right.annotate(name, (seen.score.value, seen.coverage.value))
    right.set(xlabel="Inception Score", ylabel="coverage", ylim=(-0.05, 1.05))
    right.set_title("ten images fool the score")
    for axis in (left, right):
        axis.margins(x=0.3)
    return figure
