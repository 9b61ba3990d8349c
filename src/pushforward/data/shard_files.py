"""Images in shards: tars as WebDataset writes them, or parquet files as the hub keeps them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..core.dataset import PARTS, Dataset
from ..core.spaces import Pixels
from . import own_captions, own_parts, parquet, tars
from .decoding import Canvas
from .image_sets import Images, Loaded
from .specs import findable
from .splits import CONTENT, Rule

KINDS = (".tar", ".parquet")
BRACES = re.compile(r"\{(\d+)\.\.(\d+)\}")
MOST = 1_000_000  # shards that braces may name


@findable("shards", place="PATH")
def shards(
    path: str | Path,
    size: int | None = 32,
    channels: int = 3,
    labels: bool = False,
    image: str | None = None,
    label: str | None = None,
    validation: float = 0.1,
    test: float = 0.1,
    seed: int = 0,
    background: int = 255,
    bits: int = 16,
    skip_unreadable: bool = False,
    rule: str = CONTENT,
    stream: bool | None = None,
    captions: str | None = None,
) -> Dataset:
    """The images in tars or parquet files: Pixels(channels, size, size).

    `path` is a file, a folder of .tar or of .parquet, or several by a pattern: "set/*.tar",
    "set/train-{000..127}.tar". Images are treated as `folder` treats them, and streamed as it does.
    In a tar, files of one example have one name up to its first dot; with `labels` each image has a
    file of the suffix `label` ("cls") beside it, which holds a number or a word. In parquet `image`
    and `label` name columns where there are several. With `captions`, the suffix ("txt") or the
    column of text, what is said of an image stands beside it as Tokens. Files whose names, or
    folders' names, begin with train, val or test are the set's own splits; what lacks of them is
    cut from train by `rule` under `seed`, in the shares `validation` and `test`.

    Raises FileNotFoundError where there is no such file; ValueError where shards are damaged,
    compressed, of both kinds, or disagree; where one holds no image; and as `folder` does.
    """
    own_captions.check_alone(labels, captions)
    groups, title = _grouped(path), Path(path).name
    shares = {"train": 0.0, "validation": validation, "test": test}
    cutting = Rule(rule, seed, *(0.0 if part in groups else shares[part] for part in PARTS[1:]))
    canvas = Canvas(size, channels, background, bits)
    kind = _Tars if groups["train"][0].suffix.lower() == ".tar" else _Parquet
    asked = _Asked(labels, image, label, captions)
    parts = {part: kind(files, asked) for part, files in groups.items()}
    found = {
        part: group.images(
            f"{title}, {part}",
            canvas,
            cutting if part == "train" and len(groups) < len(PARTS) else None,
            skip_unreadable,
        ).load(stream)
        for part, group in parts.items()
    }
    classes, beside = _labels(parts, found) if labels else ((), {})
    sentences: list[str] = []
    if captions is not None:
        said = {part: group.said() for part, group in parts.items()}
        sentences, beside = own_captions.numbered(said, found)
    columns = {part: (loaded.x, *beside.get(part, ())) for part, loaded in found.items()}
    splits, record = own_parts.parted(title, columns, found, cutting)
    origin = {**record, "source": f"shards {title}", **found["train"].about, "size": size}
    learn, check, last = (splits[part] for part in PARTS)
    space = Pixels(*learn.tensors[0].shape[1:])
    data = Dataset(title, space, learn, check, last, origin, classes)
    return own_captions.told(data, sentences) if captions is not None else data


def _labels(
    parts: Mapping[str, _Tars | _Parquet], found: Mapping[str, Loaded]
) -> tuple[tuple[str, ...], dict[str, tuple[Tensor]]]:
    """What the classes are called, and the labels of each split's images."""
    said = {part: group.labels() for part, group in parts.items()}
    classes = said["train"][0]
    for part, (names, _) in said.items():
        if names != classes:
            raise ValueError(
                f"the {part} shards are of classes {', '.join(names)}, but those that train are of "
                f"{', '.join(classes)}"
            )
    return classes, {
        part: (torch.from_numpy(y[found[part].index]),) for part, (_, y) in said.items()
    }


class _Asked(NamedTuple):
    """What stands beside the images, and the names of the columns or suffixes."""

    labels: bool
    image: str | None
    label: str | None
    captions: str | None


class _Tars:
    def __init__(self, files: list[Path], asked: _Asked):
        if asked.image is not None:
            raise ValueError("image= names a column of parquet files, and tars have none")
        suffix = (asked.label or "cls") if asked.labels else asked.captions
        what = "label" if asked.labels else "caption"
        self.tars = [tars.opened(file, suffix, what) for file in files]

    def images(self, title: str, canvas: Canvas, rule: Rule | None, skip: bool) -> Images:
        return tars.images(title, self.tars, canvas, rule, skip)

    def labels(self) -> tuple[tuple[str, ...], np.ndarray]:
        y, names = tars.labels(self.tars)
        return names, y

    def said(self) -> list[str]:
        return tars.captions(self.tars)


class _Parquet:
    def __init__(self, files: list[Path], asked: _Asked):
        self.files, self.image, self.captions = files, asked.image, asked.captions
        self.label = parquet.label_column(files[0], asked.label) if asked.labels else None

    def images(self, title: str, canvas: Canvas, rule: Rule | None, skip: bool) -> Images:
        return parquet.images(title, self.files, canvas, self.image, rule, skip)

    def labels(self) -> tuple[tuple[str, ...], np.ndarray]:
        assert self.label is not None
        y = parquet.labels(self.files, self.label)
        return parquet.class_names(self.files[0], self.label), y

    def said(self) -> list[str]:
        assert self.captions is not None
        return own_captions.of_rows(self.files, self.captions)


def _grouped(path: str | Path) -> Mapping[str, list[Path]]:
    """The shards of each split, all of one kind; one of the splits is "train"."""
    files = list(_files(Path(path).expanduser()))
    kinds = {file.suffix.lower() for file in files}
    if len(kinds) > 1:
        raise ValueError(f"{path} holds shards of two kinds, {' and '.join(sorted(kinds))}: choose")
    groups: dict[str, list[Path]] = {}
    for file in files:
        groups.setdefault(own_parts.part_named(file)[0], []).append(file.resolve())
    if "train" not in groups:
        groups["train"] = groups.pop(next(iter(groups)))
    return groups


def _files(path: Path) -> Iterator[Path]:
    if path.is_file():
        if path.suffix.lower() not in KINDS:
            raise ValueError(f"{path} must be {' or '.join(KINDS)}{_hint(path)}")
        yield path
        return
    if path.is_dir():
        found = sorted(file for file in path.rglob("*") if _is_shard(file))
        if not found:
            raise ValueError(f"the folder {path} holds no {' and no '.join(KINDS)} file")
        yield from found
        return
    named = [Path(name) for name in _braces(str(path))]
    starred = [file for name in named for file in _starred(name)]
    if not starred:
        raise FileNotFoundError(f"there is no file {path}")
    for file in starred:
        yield from _files(file)


def _is_shard(file: Path) -> bool:
    hidden = any(part.startswith(".") for part in file.parts[-1:])
    return file.suffix.lower() in KINDS and file.is_file() and not hidden


def _hint(path: Path) -> str:
    packed = any(s in (".tar", ".tgz") for s in path.suffixes)
    return ": it is compressed, and cannot be read from the middle; unpack it" if packed else ""


def _braces(said: str) -> Iterator[str]:
    """Every name that a pattern with {000..127} stands for.

    >>> list(_braces("a-{08..10}.tar"))
    ['a-08.tar', 'a-09.tar', 'a-10.tar']
    """
    found = BRACES.search(said)
    if found is None:
        yield said
        return
    first, last = (int(number) for number in found.groups())
    if not 0 <= last - first < MOST:
        raise ValueError(f"{found[0]} of {said} must go from a number to a larger one")
    for i in range(first, last + 1):
        number = str(i).zfill(len(found[1]))
        yield from _braces(said[: found.start()] + number + said[found.end() :])


def _starred(path: Path) -> list[Path]:
    """The files of a pattern with stars in its last name; a name without must be there."""
    if not any(sign in path.name for sign in "*?["):
        if not path.is_file():
            raise FileNotFoundError(f"there is no file {path}")
        return [path]
    return sorted(path.parent.glob(path.name))
