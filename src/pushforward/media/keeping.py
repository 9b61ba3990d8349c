"""Samples into files as they come: all of them as numbers, and as many as can be shown."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..core.outputs import ending
from ..core.ownership import scratch
from .medium import Medium

NUMBERS = ".npy"


def places(medium: Medium, target: Path) -> tuple[Path, Path]:
    """Where what the medium shows, and where all numbers are written.

    `target` ends in what the medium can write, in .npy, or in nothing that says what a file holds.
    Raises Usage for the ending of another kind of file.
    """
    found = ending(target, (*medium.suffixes, NUMBERS), medium.noun)
    stem = target.with_suffix("") if found else target
    shown = target.suffix if found not in ("", NUMBERS) else medium.suffix
    return stem.with_name(stem.name + shown), stem.with_name(stem.name + NUMBERS)


def keep(batches: Iterable[Tensor], n: int, medium: Medium, target: Path) -> str:
    """Writes `n` samples in batches: all as .npy, and beside it what the medium shows of them.

    A batch is let go when the next one comes; both files are there when they are whole. Returns
    what was written, in words. Raises ValueError where there are not `n`, and as `places` does.
    """
    shown_at, numbers_at = places(medium, target)
    target.parent.mkdir(parents=True, exist_ok=True)
    with scratch(target.parent) as folder:
        beside = folder / f"shown{shown_at.suffix}"
        with numbers_file(numbers_at, n) as append:
            shown = medium.write(map(append, batches), beside)
        os.replace(beside, shown_at)
    most = "" if shown == n else f" (the first {shown:,} of {n:,})"
    found = np.load(numbers_at, mmap_mode="r")
    return f"{shown_at}{most} and {numbers_at}: {found.shape} {found.dtype}"


@contextmanager
def numbers_file(path: Path, n: int) -> Iterator[Callable[[Tensor], Tensor]]:
    """A .npy file of `n` data, which is there as soon as it is whole.

    What it gives takes a batch (batch, ...), appends and returns it. Raises ValueError at the end
    where there were not `n`.
    """
    written = 0

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

    with scratch(path.parent) as folder:
        with open(folder / "numbers", "wb") as file:
            yield append
        if written != n:
            raise ValueError(f"{n} samples were to be written to {path}, but {written} came")
        os.replace(folder / "numbers", path)


def _numbers(batch: Tensor) -> np.ndarray:
    """A batch as numpy has it, which knows no bfloat16."""
    found = batch.detach().cpu()
    return (found.float() if found.dtype == torch.bfloat16 else found).numpy()
