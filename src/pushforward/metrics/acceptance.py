"""The share of sentences that a judge accepts: samples, by the grammar of their data."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from .measurement import Measurement


def accepted(
    sentences: Sequence[str], judge: Callable[[str], bool], name: str = "grammatical"
) -> Measurement:
    """The share of `sentences` for which `judge` is true, in 0 .. 1. Raises ValueError for none.

    >>> print(accepted(["a", "b", "b", "b"], lambda s: s == "b").figure())
    0.75 +- 0.22
    """
    if not sentences:
        raise ValueError("a share of no sentences has no value: give some")
    n, right = len(sentences), sum(map(bool, map(judge, sentences)))
    error = math.sqrt(right * (n - right) / n) / n
    return Measurement(
        name, right / n, error, samples=n, extractor="sentences", higher_is_better=True
    )
