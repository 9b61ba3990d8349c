"""Splits: which examples train, which validate, which test. Always the same for the same seed."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from torch import Tensor

from ..core.dataset import Split


def shuffled(n: int, seed: int) -> np.ndarray:
    """A permutation of 0 .. n - 1 (int64), the same on every machine for one seed.

    RandomState is the one generator whose stream NumPy promises never to change.
    """
    return np.random.RandomState(seed).permutation(n)


def sizes(name: str, n: int, validation: float = 0.1, test: float = 0.1) -> tuple[int, int, int]:
    """How many of `n` examples train, validate and test; a share of 0 gives none.

    Raises ValueError where a share is not in [0, 1) or a part that was asked for would be empty.

    >>> sizes("pictures", 100)
    (80, 10, 10)
    """
    for part, share in (("validation", validation), ("test", test)):
        if not 0 <= share < 1:
            raise ValueError(f"the {part} share must be in [0, 1), not {share!r}")
    held = [max(1, round(n * share)) if share else 0 for share in (validation, test)]
    if n - sum(held) < 1:
        least = 1 + (validation > 0) + (test > 0)
        raise ValueError(
            f"{name} has {n} example{'s' * (n != 1)}, which cannot be split into train, "
            f"validation and test: give at least {least}, or hold out less"
        )
    return n - sum(held), held[0], held[1]


def cut(tensors: Sequence[Tensor], lengths: Sequence[int]) -> tuple[Split, ...]:
    """Consecutive splits of these lengths; they share the tensors' memory."""
    edges = np.cumsum([0, *lengths])
    return tuple(Split(tuple(t[a:b] for t in tensors)) for a, b in pairwise(edges))
