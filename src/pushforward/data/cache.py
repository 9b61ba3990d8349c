"""The cache: every set of images is decoded once, to one uint8 array that is memory mapped later.

A folder per set holds `images.npy` and `about.json`. It is written beside and renamed, so a killed
run leaves no half of one; its checksum is compared at every load, and what does not fit is rebuilt.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass
from itertools import chain, islice
from pathlib import Path

import numpy as np

from .decoding import Canvas

FORMAT = 1  # raised when decoding changes, so that older caches are not used
PIECE = 64  # images per task: a task per image would cost more than a small image does
# Encoded images below so many bytes are decoded by one thread: they hold Python's lock nearly all
# the time, and MNIST took 5.1 s on two threads against 3.0 s on one.
SMALL = 3000
Item = tuple[str, "bytes | Path"]  # the name for error messages, and the image


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
    status = path.stat()
    return [str(path.resolve()), status.st_size, status.st_mtime_ns]


@dataclass(frozen=True)
class Images:
    """A set of `n` encoded images that can be decoded.

    `items` yields them, `key` says what makes the result what it is (JSON), `about` is what to
    remember of the source. Image i is stored at `place[i]`, or at i.
    """

    title: str
    n: int
    key: list
    canvas: Canvas
    items: Callable[[], Iterable[Item]]
    about: Callable[[], dict]
    place: np.ndarray | None = None

    def load(self) -> tuple[np.ndarray, dict]:
        """uint8 (n, channels, height, width), and what is known of it (`encoding` and `about`).

        Raises ValueError with the image's name where one cannot be read or has another size.
        """
        return _kept([self.n, self.key, asdict(self.canvas)], self._decode)

    def _decode(self, folder: Path) -> None:
        from rich.console import Console
        from rich.progress import Progress

        encodings: set[str] = set()
        images: np.ndarray | None = None
        console = Console(stderr=True)
        hidden = not (console.is_terminal or console.is_jupyter)
        with Progress(console=console, transient=True, disable=hidden) as progress:
            bar = progress.add_task(f"decoding {self.title}", total=self.n)
            for i, (name, pixels, encoding) in enumerate(self._decoded()):
                if images is None:
                    images = _allocate(folder / "images.npy", (self.n, *pixels.shape))
                _same_size(name, pixels.shape, images.shape[1:])
                images[i if self.place is None else self.place[i]] = pixels
                encodings.add(encoding)
                if i % PIECE == 0:
                    progress.update(bar, completed=i)
        assert images is not None, "a set of no images"
        known = {"encoding": "+".join(sorted(encodings)), **self.about()}
        images.flush()  # type: ignore[attr-defined]
        _note(folder, images, known)

    def _decoded(self) -> Iterator[tuple[str, np.ndarray, str]]:
        """In order and in parallel, holding only so many encoded images as keep threads busy."""

        def work(piece: list[Item]) -> list[tuple[str, np.ndarray, str]]:
            return [(name, *self.canvas.decode(name, source)) for name, source in piece]

        items = iter(self.items())
        first = list(islice(items, PIECE))
        workers = 1 if _bytes(first) < SMALL * len(first) else os.cpu_count() or 1
        yield from work(first)
        pieces = iter(lambda: list(islice(items, PIECE)), [])
        if workers == 1:
            yield from chain.from_iterable(map(work, pieces))
            return
        waiting: deque[Future] = deque()
        with ThreadPoolExecutor(workers) as pool:
            for piece in pieces:
                waiting.append(pool.submit(work, piece))
                if len(waiting) > 2 * workers:
                    yield from waiting.popleft().result()
            while waiting:
                yield from waiting.popleft().result()


def rendered(key: list, render: Callable[[], np.ndarray]) -> np.ndarray:
    """The uint8 array that `render` makes, which is called where the cache holds none for `key`."""

    def write(folder: Path) -> None:
        images = render()
        np.save(folder / "images.npy", images)
        _note(folder, images, {})

    return _kept(["rendered", *key], write)[0]


def _kept(key: list, write: Callable[[Path], None]) -> tuple[np.ndarray, dict]:
    """What `write` puts into a folder, from the cache where that holds it already."""
    digest = hashlib.sha256(json.dumps([FORMAT, *key]).encode()).hexdigest()[:20]
    folder = cache_folder() / "decoded" / digest
    return _read(folder) or _built(folder, write)


def _built(folder: Path, write: Callable[[Path], None]) -> tuple[np.ndarray, dict]:
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="part-") as scratch:
        fresh = Path(scratch) / "fresh"
        fresh.mkdir()
        write(fresh)
        if _read(folder) is None:
            shutil.rmtree(folder, ignore_errors=True)
            with suppress(OSError):  # another process was quicker: its copy is read
                os.replace(fresh, folder)
    loaded = _read(folder)
    if loaded is None:
        raise OSError(f"the cache {folder} was written but cannot be read back")
    return loaded


def _note(folder: Path, images: np.ndarray, about: dict) -> None:
    record = {"crc32": zlib.crc32(images.data), "about": about}
    (folder / "about.json").write_text(json.dumps(record))


def _bytes(items: list[Item]) -> int:
    return sum(len(x) if isinstance(x, bytes) else x.stat().st_size for _, x in items)


def _same_size(name: str, shape: tuple[int, ...], first: tuple[int, ...]) -> None:
    if shape != first:
        raise ValueError(
            f"the image {name} has (channels, height, width) {shape} where those before it have "
            f"{first}: give size=... to bring all to one size"
        )


def _allocate(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    # A memory map on a full disk kills the process when it is written; so look first.
    need, free = int(np.prod(shape)), shutil.disk_usage(path.parent).free
    if need > free:
        raise OSError(
            f"decoding needs {need / 1e6:,.0f} MB in {path.parent.parent.parent}, which has "
            f"{free / 1e6:,.0f} MB left: make room, or set PUSHFORWARD_CACHE to another disk"
        )
    return np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=shape)


def _read(folder: Path) -> tuple[np.ndarray, dict] | None:
    """What a folder of the cache holds, or None where it is missing or damaged."""
    try:
        record = json.loads((folder / "about.json").read_text())
        # Mode "c": torch may look at it as writable, and the file never changes.
        images = np.load(folder / "images.npy", mmap_mode="c", allow_pickle=False)
        sound = images.dtype == np.uint8 and zlib.crc32(images.data) == record["crc32"]
        return (images, record["about"]) if sound else None
    except (OSError, ValueError, KeyError, TypeError, EOFError):
        return None
