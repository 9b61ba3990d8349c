"""Samples into files as they come: all of them as numbers, and as many as can be shown."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from .medium import Medium

ENDINGS = (".npy", ".png", ".wav", ".txt", ".csv")


def keep(batches: Iterable[Tensor], n: int, medium: Medium, target: Path) -> str:
    """Writes `n` samples in batches: all as .npy, and beside it what the medium shows of them.

    A batch is let go when the next one comes. `target` is a path with one of these endings or none.
    Returns what was written, in words. Raises ValueError where there are not `n`.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    stem = target.with_suffix("") if target.suffix in ENDINGS else target
    shown_at, numbers_at = (stem.with_name(stem.name + s) for s in (medium.suffix, ".npy"))
    with numbers_file(numbers_at, n) as append:
        shown = medium.write(map(append, batches), shown_at)
    most = "" if shown == n else f" (the first {shown:,} of {n:,})"
    found = np.load(numbers_at, mmap_mode="r")
    return f"{shown_at}{most} and {numbers_at}: {found.shape} {found.dtype}"


@contextmanager
def numbers_file(path: Path, n: int) -> Iterator[Callable[[Tensor], Tensor]]:
    """A .npy file of `n` data, which is there as soon as it is whole.

    What it gives takes a batch (batch, ...), appends and returns it. Raises ValueError at the end
    where there were not `n`.
    """
    beside, written = path.with_name(path.name + ".part"), 0

    def append(batch: Tensor) -> Tensor:
        nonlocal written
        numbers = _numbers(batch)
        if written == 0:
            shape = (n, *numbers.shape[1:])
            about = {"descr": numbers.dtype.str, "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, about)
        file.write(numbers.tobytes())
        written += len(numbers)
        return batch

    try:
        with open(beside, "wb") as file:
            yield append
        if written != n:
            raise ValueError(f"{n} samples were to be written to {path}, but {written} came")
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def _numbers(batch: Tensor) -> np.ndarray:
    """A batch as numpy has it, which knows no bfloat16."""
    found = batch.detach().cpu()
    return (found.float() if found.dtype == torch.bfloat16 else found).numpy()
