"""The cache: what takes long to make is made once, as uint8 arrays that are memory mapped later.

A folder holds the arrays and `about.json`. It is written beside and renamed, so a killed run leaves
no half of one; its checksums are compared at every load, and what does not fit is made again. The
time of a folder's change says when it was last used.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ..core.ownership import scratch

FORMAT = 2  # raised when decoding changes, so that older caches are not used
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
BLOCK = 2**20


def cache_folder() -> Path:
    """`PUSHFORWARD_CACHE`, or ~/.cache/pushforward. Made where it is missing."""
    folder = Path(os.environ.get("PUSHFORWARD_CACHE") or "~/.cache/pushforward").expanduser()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OSError(
            f"cannot make the cache folder {folder} ({error}): "
            "set PUSHFORWARD_CACHE to a folder that can be written"
        ) from error
    return folder


def stamp(path: Path) -> list:
    """What a file is recognised by without reading it: path, bytes, time of change."""
    try:
        status = path.stat()
    except OSError:  # a broken link, which is told when it is read
        return [str(path), -1, -1]
    return [str(path.resolve()), status.st_size, status.st_mtime_ns]


def rendered(key: list, render: Callable[[], np.ndarray]) -> np.ndarray:
    """The uint8 array that `render` makes, which is called where the cache holds none for `key`."""

    def write(folder: Path) -> dict:
        np.save(folder / "images.npy", render())
        return {}

    return kept(["rendered", *key], write)[0]["images"]


def kept(key: list, write: Callable[[Path], dict]) -> tuple[dict[str, np.ndarray], dict]:
    """The arrays by name that `write` puts into a folder as .npy, and what it says of them.

    It is called where the cache holds nothing sound for `key` (JSON).
    """
    folder = folder_of(key)
    return _read(folder) or _built(folder, write)


def folder_of(key: list) -> Path:
    """Where the cache holds what is `kept` under a key."""
    digest = hashlib.sha256(json.dumps([FORMAT, *key]).encode()).hexdigest()[:20]
    return cache_folder() / "decoded" / digest


def forget(key: list) -> None:
    """Removes what is `kept` under a key, so that it is made again."""
    shutil.rmtree(folder_of(key), ignore_errors=True)


def _built(folder: Path, write: Callable[[Path], dict]) -> tuple[dict[str, np.ndarray], dict]:
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _room(folder.parent), scratch(folder.parent) as beside:
        fresh = beside / "fresh"
        fresh.mkdir()
        _note(fresh, write(fresh))
        if _read(folder) is None:
            shutil.rmtree(folder, ignore_errors=True)
            with suppress(OSError):  # another process was quicker: its copy is read
                os.replace(fresh, folder)
    loaded = _read(folder)
    if loaded is None:
        raise OSError(f"the cache {folder} was written but cannot be read back")
    return loaded


def _note(folder: Path, about: dict) -> None:
    sums = {name: zlib.crc32(array.data) for name, array in _arrays(folder).items()}
    (folder / "about.json").write_text(json.dumps({"crc32": sums, "about": about}))


def _arrays(folder: Path) -> dict[str, np.ndarray]:
    # Mode "c": torch may look at them as writable, and the files never change.
    return {
        file.stem: np.load(file, mmap_mode="c", allow_pickle=False)
        for file in sorted(folder.glob("*.npy"))
    }


@contextmanager
def _room(folder: Path) -> Iterator[None]:
    """Tells what to do where the disk is full."""
    try:
        yield
    except OSError as error:
        if error.errno not in FULL:
            raise
        raise OSError(
            f"the cache {folder} cannot be written, the disk is full ({error.strerror}): make "
            "room, for instance by `pushforward cache --most 0`, or set PUSHFORWARD_CACHE to "
            "another disk"
        ) from error


def allocated(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    """A new .npy file of uint8 that can be written like an array. OSError where it has no room."""
    # A memory map on a full disk kills the process when it is written: its room is taken first.
    # (To look what is free is not enough, because others write meanwhile.)
    need, free = int(np.prod(shape)), shutil.disk_usage(path.parent).free
    if need > free:
        raise OSError(errno.ENOSPC, f"{need / 1e6:,.0f} MB are needed, {free / 1e6:,.0f} are left")
    array = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=shape)
    with path.open("r+b") as file:
        _reserve(file, path.stat().st_size)
    return array


def _reserve(file: BinaryIO, size: int) -> None:
    """Takes the room of a file that is as long as `size` already, without changing what it holds.

    Raises OSError where there is none.
    """
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file.fileno(), 0, size)
        return
    for begin in range(0, size, BLOCK):  # macOS, Windows
        file.seek(begin)
        held = file.read(BLOCK)
        file.seek(begin)
        file.write(held)


def _read(folder: Path) -> tuple[dict[str, np.ndarray], dict] | None:
    """What a folder of the cache holds, or None where it is missing or damaged."""
    try:
        record = json.loads((folder / "about.json").read_text())
        arrays = _arrays(folder)
        sums = {name: zlib.crc32(array.data) for name, array in arrays.items()}
        if not arrays or sums != record["crc32"]:
            return None
        with suppress(OSError):  # another user's cache
            os.utime(folder)
        return arrays, record["about"]
    except (OSError, ValueError, KeyError, TypeError, EOFError):
        return None
