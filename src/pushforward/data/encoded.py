"""Encoded images by their number: where on a disk each lies, in about a hundred bytes of memory."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

import numpy as np
import torch
from torch import Tensor

from ..core.streams import Column, Rows
from .decoding import UNREADABLE, Canvas, bombs_are_told_by_us
from .splits import digest_of


class Encoded(Protocol):
    """Encoded images: the name for error messages, and the bytes, of each."""

    def __getitem__(self, i: int) -> tuple[str, bytes]: ...


class Files:
    """Each image is a file."""

    def __init__(self, paths: Sequence[Path]):
        # As one array: strings in a list are copied by every process that counts its references.
        self.paths = np.array([os.fsencode(path) for path in paths])

    def __getitem__(self, i: int) -> tuple[str, bytes]:
        path = Path(os.fsdecode(self.paths[i]))
        try:
            return str(path), path.read_bytes()
        except OSError as error:
            raise ValueError(f"{UNREADABLE}{path} ({error.strerror or error})") from error


@dataclass(frozen=True)
class Spans:
    """Image i is `sizes[i]` bytes of the file `files[which[i]]`, from `starts[i]` on."""

    files: tuple[Path, ...]
    which: np.ndarray
    starts: np.ndarray
    sizes: np.ndarray

    def __len__(self) -> int:
        return len(self.starts)

    def __getitem__(self, i: int) -> tuple[str, bytes]:
        start, size = int(self.starts[i]), int(self.sizes[i])
        file = self.files[int(self.which[i])]
        name = f"at byte {start:,} of {file}"
        try:
            with file.open("rb") as stream:
                stream.seek(start)
                content = stream.read(size)
        except OSError as error:
            raise ValueError(f"{UNREADABLE}{name} ({error.strerror or error})") from error
        if len(content) < size:
            raise ValueError(f"{UNREADABLE}{name} (the file is cut short)")
        return name, content


class Packing:
    """Writes images one after the other into one file, and remembers where each ends."""

    def __init__(self, stream: BinaryIO):
        self.stream, self.ends = stream, [0]

    def add(self, content: bytes) -> None:
        """Writes the next one."""
        self.stream.write(content)
        self.ends.append(self.ends[-1] + len(content))


def packed(path: Path, ends: np.ndarray) -> Spans:
    """What `Packing` wrote."""
    which = np.zeros(len(ends) - 1, np.int8)
    return Spans((path,), which, ends[:-1], np.diff(ends))


@dataclass(frozen=True)
class Streamed(Column):
    """Images (n, *form) uint8 that are decoded when they are asked for: number `index[i]` is the
    i-th. Each must be what it was when it was looked at first, by its digest.
    """

    encoded: Encoded
    canvas: Canvas
    form: tuple[int, ...]
    index: np.ndarray
    digests: np.ndarray

    dtype = torch.uint8

    @property
    def shape(self) -> tuple[int, ...]:
        """(n, channels, height, width)."""
        return (len(self.index), *self.form)

    def rows(self, index: slice) -> Streamed:
        """The column of these images."""
        return Streamed(
            self.encoded, self.canvas, self.form, self.index[index], self.digests[index]
        )

    def __getitem__(self, index: Rows) -> Tensor:
        """The images at `index`, (k, *form). Raises ValueError for one that cannot be read."""
        rows = index if isinstance(index, slice) else index.cpu().numpy()
        numbers, digests = self.index[rows], self.digests[rows]
        found = np.empty((len(numbers), *self.form), np.uint8)
        with bombs_are_told_by_us():
            for place, number, digest in zip(found, numbers, digests):
                place[:] = self._decoded(int(number), digest)
        return torch.from_numpy(found)

    def _decoded(self, number: int, digest: np.ndarray) -> np.ndarray:
        name, content = self.encoded[number]
        if digest_of(content) != digest.tobytes():
            raise ValueError(
                f"the image {name} is not what it was when the data were first looked at: start "
                "anew, or put back what it was"
            )
        return self.canvas.decode(name, content).pixels
