"""The fixed binarisation of MNIST that the literature compares on.

Salakhutdinov and Murray (2008) drew it, Larochelle and Murray (2011) published it, as text files of
one image a line: 784 digits, 0 or 1. They are read where they lie and never downloaded.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from ..core.dataset import Dataset, Split
from ..core.spaces import Pixels
from .parquet import sha256

PARTS = ("train", "valid", "test")
VALIDATION = 10_000
FILES = tuple(f"binarized_mnist_{part}.amat" for part in PARTS)


def load(folders: Sequence[Path]) -> Dataset:
    """The three splits, Pixels(1, 28, 28, 2), from the first folder that holds all three files.

    Raises FileNotFoundError where none does, ValueError for a file of another form.
    """
    for folder in folders:
        if all((folder / name).is_file() for name in FILES):
            return _load([folder / name for name in FILES])
    raise FileNotFoundError(
        f"{', '.join(FILES)} are not together in {' nor in '.join(map(str, folders))}: put them "
        'there, or take binarise="fixed" (our own draw, not comparable with published figures)'
    )


def _load(files: list[Path]) -> Dataset:
    origin = {
        "source": "Larochelle's binarised MNIST",
        "sha256": {file.name: sha256(file) for file in files},
        "binarisation": "fixed: Larochelle's files",
        "split": "the files' own",
    }
    train, validation, test = (Split((read(file),)) for file in files)
    name, space = "MNIST (Larochelle's binarisation)", Pixels(1, 28, 28, 2)
    return Dataset(name, space, train, validation, test, origin)


def read(file: Path) -> torch.Tensor:
    """uint8 (lines, 1, 28, 28) of 0 and 1; ValueError where the file holds anything else."""
    text = np.frombuffer(file.read_bytes(), dtype=np.uint8)
    digits = text[text > ord(" ")] - ord("0")
    if digits.size == 0 or digits.size % 784 or digits.max() > 1:
        raise ValueError(f"{file} does not hold lines of 784 digits that are 0 or 1: get it again")
    return torch.from_numpy(digits.reshape(-1, 1, 28, 28))
