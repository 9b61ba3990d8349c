"""What the cache holds, and how it is made smaller: by the age of what is there, and its size."""

from __future__ import annotations

import shutil
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..core.ownership import PREFIX, is_abandoned, sweep

DAY = 24 * 3_600
ROOMS = {"decoded": 1, "references": 1, "hub": 2}
"""Folders of the cache, and how deep in each lie the things that are made or fetched at once."""


@dataclass(frozen=True)
class Entry:
    """A thing in the cache: how many bytes it has, and when it was last used (seconds, Unix)."""

    path: Path
    size: int
    used: float

    @property
    def days(self) -> float:
        """How many days ago that was."""
        return max(0.0, (time.time() - self.used) / DAY)


def entries(cache: Path) -> list[Entry]:
    """All that the cache holds, the longest unused first, but for what is just being made."""
    found = [_entry(path) for path in _things(cache) if not path.name.startswith(PREFIX)]
    return sorted(found, key=lambda entry: entry.used)


def _things(cache: Path) -> Iterator[Path]:
    for room in sorted(cache.iterdir()):
        depth = ROOMS.get(room.name, 0)
        yield from room.glob("/".join("*" * depth)) if depth else (room,)


def _entry(path: Path) -> Entry:
    files = [path, *path.rglob("*")] if path.is_dir() and not path.is_symlink() else [path]
    states = [file.lstat() for file in files]
    # To look into a folder is no use of it, though the system notes it as one.
    looked = [s.st_atime for s in states if not stat.S_ISDIR(s.st_mode)]
    used = max(*(state.st_mtime for state in states), *looked, 0)
    return Entry(path, sum(state.st_blocks * 512 for state in states), used)


def pruned(cache: Path, days: float | None = None, most: int | None = None) -> list[Entry]:
    """Removes what was not used for `days`, and then what is longest unused until `most` bytes are
    left; scratch whose process is gone goes always. Returns what was removed.

    What a training has open stays readable to it. Raises ValueError for less than nothing.
    """
    for name, value in (("days", days), ("most", most)):
        if value is not None and not value >= 0:
            raise ValueError(f"{name} must be at least 0, not {value!r}")
    swept = [_entry(path) for path in _abandoned(cache)]
    for room in {entry.path.parent for entry in swept}:
        sweep(room)
    kept = entries(cache)
    left = sum(entry.size for entry in kept)
    gone = []
    for entry in kept:
        if (days is not None and entry.days > days) or (most is not None and left > most):
            _remove(entry.path)
            left -= entry.size
            gone.append(entry)
    return swept + gone


def _abandoned(cache: Path) -> list[Path]:
    return [path for path in cache.rglob(f"{PREFIX}*") if path.is_dir() and is_abandoned(path)]


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()
