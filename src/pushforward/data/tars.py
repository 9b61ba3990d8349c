"""Tars of images as WebDataset writes them: files of one example have one name up to its first dot.

    000017.jpg    000017.cls    000018.jpg    000018.cls    ...

A tar is never unpacked: where its members lie is noted once, and each is read from there.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .cache import stamp
from .decoding import Canvas
from .encoded import Spans
from .folders import SUFFIXES
from .image_sets import Images, Item
from .own_captions import check, one_line, some
from .splits import Rule

LONGEST = 1000  # bytes of a label


@dataclass(frozen=True)
class Member:
    """A file in a tar: where its bytes lie."""

    name: str
    start: int
    size: int

    @property
    def key(self) -> str:
        """What it has in common with the other files of its example."""
        folder, slash, name = self.name.rpartition("/")
        return folder + slash + name.partition(".")[0]

    @property
    def suffix(self) -> str:
        """What follows the key, in small letters, with its dot."""
        return self.name[len(self.key) :].lower()


@dataclass(frozen=True)
class Tar:
    """A tar's images, and the files beside each that have the suffix of labels."""

    path: Path
    images: tuple[Member, ...]
    beside: tuple[Member, ...]


def opened(path: Path, suffix: str | None = None, what: str = "label") -> Tar:
    """A tar's images, and its files of `suffix` in their order.

    Raises ValueError for what is no whole tar, is compressed, or holds no image, an example twice,
    or (with `suffix`) images without such a file, which holds `what`.
    """
    members = list(_members(path))
    images = [m for m in members if m.suffix and f".{m.suffix.rpartition('.')[2]}" in SUFFIXES]
    if not images:
        found = sorted({m.suffix or "no suffix" for m in members})
        raise ValueError(
            f"{path} holds no image: looked for {' '.join(SUFFIXES)}"
            + (f", but found {', '.join(found[:8])}" if found else "; it is empty")
        )
    seen: dict[str, str] = {}
    for image in images:
        if (other := seen.setdefault(image.key, image.name)) != image.name:
            raise ValueError(
                f"{path} holds two images of example {image.key}: {other} and {image.name}"
            )
    return Tar(path, tuple(images), _beside(path, images, members, suffix, what) if suffix else ())


def _beside(
    path: Path, images: list[Member], members: list[Member], suffix: str, what: str
) -> tuple[Member, ...]:
    labels = {m.key: m for m in members if m.suffix == f".{suffix.lstrip('.')}"}
    lacking = [image for image in images if image.key not in labels]
    if lacking:
        more = f", nor beside {some([m.name for m in lacking[1:]])}" if lacking[1:] else ""
        option = "label" if what == "label" else "captions"
        raise ValueError(
            f"{len(lacking)} of the {len(images)} images of {path} have no {what}: there is no "
            f"{lacking[0].key}.{suffix.lstrip('.')} beside {lacking[0].name}{more}; load them "
            f"without {what}s, or say by {option}= which suffix holds them"
        )
    keys = {image.key for image in images}
    if what == "caption" and (strays := [m.name for key, m in labels.items() if key not in keys]):
        check(str(path), ("captions have no image", strays))
    return tuple(labels[image.key] for image in images)


def _members(path: Path) -> Iterator[Member]:
    """The regular files of a tar; what is hidden, a link or a device is left out."""
    try:
        with tarfile.open(path, "r:") as tar:
            end = path.stat().st_size
            for member in tar:
                if member.offset_data + member.size > end:
                    raise tarfile.ReadError("it ends within a file")
                if member.isreg() and not member.sparse and not _is_hidden(member.name):
                    yield Member(member.name, member.offset_data, member.size)
    except tarfile.TarError as error:
        raise ValueError(_why(path, error)) from error


def _is_hidden(name: str) -> bool:
    return any(part.startswith(".") and part != "." for part in name.split("/"))


def _why(path: Path, error: Exception) -> str:
    try:
        with tarfile.open(path) as tar:
            tar.next()
    except (tarfile.TarError, OSError, EOFError):
        return f"{path} is no whole tar ({error}): get it again"
    if path.suffix == ".tar":
        return f"{path} is no whole tar ({error}): get it again"
    return f"{path} is compressed, and cannot be read from the middle: unpack it to a .tar"


def images(
    title: str, tars: Sequence[Tar], canvas: Canvas, rule: Rule | None, skip: bool
) -> Images:
    """The images of these tars, one after another, or in the order of `rule`."""
    spans = spans_of([(tar.path, tar.images) for tar in tars])
    return Images(
        title=title,
        n=len(spans),
        key=[stamp(tar.path) for tar in tars],
        canvas=canvas,
        items=lambda: _items(tars),
        about=dict,
        rule=rule,
        skip_unreadable=skip,
        encoded=spans,
    )


def spans_of(found: Sequence[tuple[Path, Sequence[Member]]]) -> Spans:
    """Where the members of some files lie."""
    which = np.repeat(np.arange(len(found), dtype=np.int32), [len(ms) for _, ms in found])
    starts, sizes = (
        np.array([getattr(m, what) for _, ms in found for m in ms], np.int64)
        for what in ("start", "size")
    )
    return Spans(tuple(path for path, _ in found), which, starts, sizes)


def _items(tars: Sequence[Tar]) -> Iterator[Item]:
    for tar in tars:
        with tar.path.open("rb") as stream:
            for member in tar.images:
                stream.seek(member.start)
                yield f"{member.name} of {tar.path}", stream.read(member.size)


def labels(tars: Sequence[Tar]) -> tuple[np.ndarray, tuple[str, ...]]:
    """The label of each image, int64 (n,), and what classes are called where labels are words.

    Raises ValueError for a label that is no text, or where some are numbers and others are not.
    """
    said = [text for tar in tars for text in _texts(tar)]
    numbers = [text.removeprefix("+").isdecimal() for text in said]
    if all(numbers):
        return np.array([int(text) for text in said], np.int64), ()
    if any(numbers):
        word, number = said[numbers.index(False)], said[numbers.index(True)]
        raise ValueError(
            f"labels must be all numbers or all words, but there are {number!r} and {word!r}"
        )
    names, y = np.unique(said, return_inverse=True)
    return y.astype(np.int64), tuple(map(str, names))


def captions(tars: Sequence[Tar]) -> list[str]:
    """What the files of text beside the images say.

    Raises ValueError for those that are empty or no UTF-8, and names them all.
    """
    said, bad = [], []
    for tar in tars:
        with tar.path.open("rb") as stream:
            for member in tar.beside:
                stream.seek(member.start)
                text = one_line(stream.read(member.size).decode("utf-8-sig", "replace"))
                said.append(text)
                bad += [member.name] if not text or "\N{REPLACEMENT CHARACTER}" in text else []
    check("the shards", ("captions are empty or no UTF-8", bad))
    return said


def _texts(tar: Tar) -> Iterator[str]:
    with tar.path.open("rb") as stream:
        for member in tar.beside:
            stream.seek(member.start)
            raw = stream.read(min(member.size, LONGEST + 1))
            if not raw.strip() or len(raw) > LONGEST:
                raise ValueError(f"{member.name} of {tar.path} is no label: {raw[:40]!r}")
            try:
                yield raw.decode().strip()
            except UnicodeDecodeError as error:
                raise ValueError(f"{member.name} of {tar.path} is no text: {raw[:40]!r}") from error
