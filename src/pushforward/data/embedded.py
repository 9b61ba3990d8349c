"""The digits that scikit-learn carries: real handwriting without a download."""

from __future__ import annotations

import numpy as np
import torch

from ..core.dataset import Dataset
from ..core.spaces import Pixels, count
from .binarisation import binarised
from .specs import findable
from .splits import cut, shuffled

SIZES = (1200, 250, 347)
SEED = 0


@findable("digits")
def digits(labels: bool = False, levels: int = 17, binarise: str | None = None) -> Dataset:
    """1,797 handwritten digits, 8x8: 1,200 to train, 250 to validate, 347 to test.

    Pixels(1, 8, 8, 17); another `levels` requantises 0 .. 16 to 0 .. levels - 1. With `labels`, the
    second tensor is the digit, int64. `binarise` is None, "dynamic", "fixed" or "threshold".
    From the UCI Optical Recognition of Handwritten Digits (its test set), as in scikit-learn.
    """
    from sklearn.datasets import load_digits

    space = Pixels(1, 8, 8, count("levels", levels, 2))
    source, order = load_digits(), shuffled(sum(SIZES), SEED)
    values = (source.images.astype(np.int64) * (levels - 1) + 8) // 16
    x = torch.from_numpy(values.astype(np.uint8)[order, None])
    y = torch.from_numpy(source.target.astype(np.int64)[order])
    origin = {
        "source": "sklearn.datasets.load_digits",
        "seed": SEED,
        "split": "shuffled by numpy RandomState(seed), then cut in order",
    }
    names = tuple("0123456789") if labels else ()
    train, validation, test = cut((x, y) if labels else (x,), SIZES)
    return binarised(Dataset("digits", space, train, validation, test, origin, names), binarise)
