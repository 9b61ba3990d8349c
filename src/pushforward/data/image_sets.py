"""Sets of images: decoded once in parallel, and kept in the cache as one array.

What is larger than memory is decoded once as well, to know that it can be, by what it is known and
of what size it is; the pixels are not kept, but decoded again whenever they are asked for.

An image that cannot be read does not hide the others: all are tried, and those that cannot be read
are named together, or left out where that was asked for.
"""

from __future__ import annotations

import math
import os
import warnings
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from itertools import chain, islice
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..core.streams import Column
from .cache import allocated, folder_of, forget, kept
from .decoding import UNREADABLE, Canvas, Decoded, bombs_are_told_by_us
from .encoded import Encoded, Packing, Streamed, packed
from .splits import DIGEST, Rule, digest_of

PIECE = 64  # images per task: a task per image would cost more than a small image does
# Encoded images below so many bytes are decoded by one thread: they hold Python's lock nearly all
# the time, and MNIST took 5.1 s on two threads against 3.0 s on one.
SMALL = 3000
PACK = "encoded.bin"  # in the cache: what is streamed and cannot be found by its number
USUAL = 256  # pixels a side, where it is not known yet whether images are many
NAMED = 20  # images that a message names, of those that cannot be read
Item = tuple[str, "bytes | Path"]  # the name for error messages, and the image
Tried = tuple[str, "Decoded | ValueError", bytes]  # its name, what came of it, and its digest


@dataclass(frozen=True)
class Loaded:
    """Images (n, channels, height, width) uint8; `index` (n,) says which item each was, `digests`
    (n, DIGEST) what its encoded bytes are known by.

    `about` is what is known of the source, with its `encoding` and `remarks` on images.
    """

    x: Tensor | Column
    index: np.ndarray
    digests: np.ndarray
    about: dict


@dataclass(frozen=True)
class Images:
    """A set of `n` encoded images that can be decoded.

    `items` yields them, `key` says what makes the result what it is (JSON), `about` is what to
    remember of the source. The result is in the order of `rule`, or as items come. `encoded` finds
    each by its number; where it is None, what is streamed is copied into the cache as it is.
    """

    title: str
    n: int
    key: list
    canvas: Canvas
    items: Callable[[], Iterable[Item]]
    about: Callable[[], dict]
    rule: Rule | None = None
    skip_unreadable: bool = False
    encoded: Encoded | None = None

    def load(self, stream: bool | None = False) -> Loaded:
        """The images, from the cache where it holds them; with `stream` as a column that decodes
        them when they are asked for, with None where decoded they would fill half of the memory.

        Raises ValueError with the names of all images that cannot be read; with `skip_unreadable`
        they are left out with a warning, unless nothing else is there. Raises it for images of
        several sizes as well.
        """
        order = self.rule.key if self.rule else None
        key = [self.n, self.key, order, asdict(self.canvas), self.skip_unreadable]
        if self._is_large() if stream is None else stream:
            return self._streamed(["streamed", *key])
        arrays, about = kept(key, self._decode)
        x = torch.from_numpy(arrays["images"])
        return Loaded(x, arrays["index"], arrays["digests"], about)

    def _is_large(self) -> bool:
        side = self.canvas.size or USUAL
        return self.n * self.canvas.channels * side**2 > _memory() / 2

    def _streamed(self, key: list) -> Loaded:
        pack = folder_of(key) / PACK
        arrays, about = kept(key, self._look)
        if self.encoded is None and not _is_whole(pack, arrays["ends"]):
            forget(key)
            arrays, about = kept(key, self._look)
        # In memory, and not mapped: there is little of it, and readers are at all of it.
        index, digests = (np.array(arrays[name]) for name in ("index", "digests"))
        form, encoded = tuple(about.pop("form")), self.encoded
        encoded = encoded or packed(pack, np.array(arrays["ends"]))
        return Loaded(Streamed(encoded, self.canvas, form, index, digests), index, digests, about)

    def _look(self, folder: Path) -> dict:
        """Decodes all images once, keeps none, and notes what they are."""
        found = _Found(None, self.n)
        if self.encoded is not None:
            about = self._noted(folder, found, self.items())
        else:
            with (folder / PACK).open("wb") as stream:
                pack = Packing(stream)
                about = self._noted(folder, found, _packing(self.items(), pack))
            np.save(folder / "ends.npy", np.array(pack.ends))
        return {**about, "form": found.form}

    def _decode(self, folder: Path) -> dict:
        return self._noted(folder, _Found(folder / "decoded.npy", self.n), self.items())

    def _noted(self, folder: Path, found: _Found, items: Iterable[Item]) -> dict:
        with _progress(self.title, self.n) as show, bombs_are_told_by_us():
            for i, tried in enumerate(self._decoded(items)):
                found.take(i, *tried)
                if i % PIECE == 0:
                    show(i)
        self._tell(found)
        about = {"encoding": "+".join(sorted(found.encodings)), **self.about()}
        if found.remarks:
            about["remarks"] = _said(found.remarks)
        if found.failures:
            about["unreadable images left out"] = len(found.failures)
        index = self._arrange(found)
        np.save(folder / "index.npy", index)
        np.save(folder / "digests.npy", found.digests[index])
        return about

    def _arrange(self, found: _Found) -> np.ndarray:
        """Writes images.npy in the order that is wanted; which item stands where."""
        index = np.flatnonzero(found.good)
        if self.rule is not None:
            index = index[self.rule.order(found.digests[index])]
        if found.path is None:
            return index
        decoded, target = found.path, found.path.with_name("images.npy")
        assert found.images is not None
        if np.array_equal(index, np.arange(self.n)):
            found.images.flush()  # type: ignore[attr-defined]
            os.replace(decoded, target)
            return index
        images = allocated(target, (len(index), *found.images.shape[1:]))
        for start in range(0, len(index), 4096):
            images[start : start + 4096] = found.images[index[start : start + 4096]]
        images.flush()  # type: ignore[attr-defined]
        decoded.unlink()
        return index

    def _tell(self, found: _Found) -> None:
        if found.failures and (not self.skip_unreadable or not found.form):
            raise ValueError(_refusal(self.title, found.failures, self.n))
        if found.failures:
            left = f"{len(found.failures)} of {self.n} images were left out"
            warnings.warn(f"{self.title}: {left}:\n{_listed(found.failures)}", stacklevel=2)
        for line in _said(found.remarks):
            warnings.warn(f"{self.title}: {line}", stacklevel=2)

    def _decoded(self, given: Iterable[Item]) -> Iterator[Tried]:
        """In order and in parallel, holding only so many encoded images as keep threads busy."""
        items = iter(given)
        first = list(islice(items, PIECE))
        workers = 1 if _bytes(first) < SMALL * len(first) else os.cpu_count() or 1
        yield from self._work(first)
        pieces = iter(lambda: list(islice(items, PIECE)), [])
        if workers == 1:
            yield from chain.from_iterable(map(self._work, pieces))
            return
        waiting: deque[Future] = deque()
        with ThreadPoolExecutor(workers) as pool:
            for piece in pieces:
                waiting.append(pool.submit(self._work, piece))
                if len(waiting) > 2 * workers:
                    yield from waiting.popleft().result()
            while waiting:
                yield from waiting.popleft().result()

    def _work(self, piece: list[Item]) -> list[Tried]:
        return [self._tried(name, source) for name, source in piece]

    def _tried(self, name: str, source: bytes | Path) -> Tried:
        try:
            decoded = self.canvas.decode(name, source)
        except ValueError as error:
            return name, error, b""
        content = source if isinstance(source, bytes) else source.read_bytes()
        return name, decoded, digest_of(content)


@dataclass
class _Found:
    """What decoding has found so far; images are written to `path`, if any, as they come."""

    path: Path | None
    n: int
    form: tuple[int, ...] = ()
    images: np.ndarray | None = None
    first: str = ""
    encodings: set[str] = field(default_factory=set)
    remarks: Counter = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.good = np.zeros(self.n, dtype=bool)
        self.digests = np.zeros((self.n, DIGEST), dtype=np.uint8)

    def take(self, i: int, name: str, decoded: Decoded | ValueError, digest: bytes) -> None:
        if isinstance(decoded, ValueError):
            self.failures.append(str(decoded))
            return
        if not self.form:
            self.first, self.form = name, decoded.pixels.shape
            if self.path is not None:
                self.images = allocated(self.path, (self.n, *self.form))
        if decoded.pixels.shape != self.form:
            raise ValueError(
                f"the image {name} has (channels, height, width) {decoded.pixels.shape}, but "
                f"{self.first} has {self.form}: give size=... to bring all to one size"
            )
        if self.images is not None:
            self.images[i] = decoded.pixels
        self.good[i] = True
        self.digests[i] = np.frombuffer(digest, np.uint8)
        self.encodings.add(decoded.encoding)
        self.remarks.update(decoded.remarks)


def _packing(items: Iterable[Item], pack: Packing) -> Iterator[Item]:
    """The items, each of which is written down on its way."""
    for name, content in items:
        assert isinstance(content, bytes)
        pack.add(content)
        yield name, content


def _is_whole(pack: Path, ends: np.ndarray) -> bool:
    return pack.is_file() and pack.stat().st_size == int(ends[-1])


def _memory() -> float:
    """Bytes of this machine's memory; infinite where it does not say."""
    try:
        return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (AttributeError, ValueError, OSError):  # Windows
        return math.inf


def _listed(failures: list[str]) -> str:
    more = [f"  and {len(failures) - NAMED} more"] if len(failures) > NAMED else []
    names = (line.removeprefix(UNREADABLE) for line in failures[:NAMED])
    return "\n".join([*(f"  {name}" for name in names), *more])


def _refusal(title: str, failures: list[str], n: int) -> str:
    advice = "remove or replace what cannot be read, or leave it out with skip_unreadable=True"
    if len(failures) == 1:
        return f"{failures[0]}: {advice}"
    return f"{len(failures)} of the {n} images of {title} cannot be read:\n" + (
        f"{_listed(failures)}\n{advice}"
    )


def _said(remarks: Counter) -> list[str]:
    return sorted(f"{n} image{'s' * (n != 1)} {remark}" for remark, n in remarks.items())


@contextmanager
def _progress(title: str, n: int) -> Iterator[Callable[[int], None]]:
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import Progress

    console = Console(stderr=True)
    hidden = not (console.is_terminal or console.is_jupyter)
    with Progress(console=console, transient=True, disable=hidden) as progress:
        bar = progress.add_task(f"decoding {escape(title)}", total=n)
        yield lambda done: progress.update(bar, completed=done)


def _bytes(items: list[Item]) -> int:
    return sum(len(x) if isinstance(x, bytes) else _size(x) for _, x in items)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # a broken link, which is named when it is decoded
        return 0
