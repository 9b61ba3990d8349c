"""A folder of pictures of any kind as a data set."""

from __future__ import annotations

import hashlib
import json
import os
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from ..core.dataset import Dataset
from ..core.spaces import Pixels
from . import own_captions
from .cache import stamp
from .decoding import Canvas
from .encoded import Files
from .image_sets import Images
from .specs import findable
from .splits import CONTENT, Rule, cut, numbered

SUFFIXES = (
    *(".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".gif", ".webp", ".tif", ".tiff"),
    *(".bmp", ".dib", ".ppm", ".pgm", ".pbm", ".pnm"),
)
LITTER = ("thumbs.db", "desktop.ini")  # what systems leave in folders of pictures


@findable("folder", place="PATH")
def folder(
    path: str | Path,
    size: int | None = 32,
    channels: int = 3,
    labels: bool = False,
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
    """All images under `path`, sub-folders and links included: Pixels(channels, size, size).

    The shorter side is resized (antialiased) and the middle kept; `size=None` leaves images as they
    are, which must then be of one size. The camera's orientation is applied, transparency is laid
    over the grey value `background`, deep grey values of `bits` bits become 8; a warning says where
    that was done. With `labels`, the second tensor (int64) is the sub-folder of `path` that an
    image lies in. With `captions` it is what is said of the image, as Tokens: "txt" reads a file of
    that suffix beside each image, "metadata.csv" a list in the folder (CSV or parquet) with a
    column `file_name` of paths and a column `text`. Images are split by `rule` under `seed`; the
    shares `validation` and `test` are held out, and copies of an image stay together. Hidden files
    are left out; of others that are no images, a warning tells. With `stream` images are read and
    decoded whenever a batch needs them, and never all in memory or in the cache; None does so where
    they would fill half of the memory. Nothing else changes: a model learns the same from either.

    Raises FileNotFoundError where there is no such folder; ValueError where it holds no image, too
    few to split, some that cannot be read (all are named; `skip_unreadable` leaves them out), or,
    with `labels`, one outside a sub-folder; with `captions`, images without a caption and captions
    without an image (all are named).
    """
    top, canvas = Path(path).expanduser().resolve(), Canvas(size, channels, background, bits)
    own_captions.check_alone(labels, captions)
    (files, others), split = _found(top, captions), Rule(rule, seed, validation, test)
    split.check(f"the folder {top}", len(files))  # before they are decoded
    classes, y = _classes(top, files) if labels else ((), None)
    said = own_captions.of_files(top, files, others, captions) if captions else None
    y = y if said is None else torch.arange(len(said))
    found = _images(top, files, canvas, split, skip_unreadable).load(stream)
    lengths = split.lengths(f"the folder {top}", found.digests)
    x = found.x
    origin = {
        "source": f"folder {top.name}",
        **found.about,
        "size": size,
        **split.record(numbered(found.digests), lengths),
    }
    train, held, last = cut((x,) if y is None else (x, y[found.index]), lengths)
    data = Dataset(top.name, Pixels(*x.shape[1:]), train, held, last, origin, classes)
    return data if said is None else own_captions.told(data, said)


def _found(top: Path, captions: str | None = None) -> tuple[list[Path], list[Path]]:
    """The images under a folder, and what else is there; a warning tells what is left out."""
    if not top.is_dir():
        what = "is a file, not a folder" if top.exists() else "does not exist"
        raise FileNotFoundError(f"the folder of images {top} {what}")
    files = [
        file
        for file in sorted(files_under(top))
        if not any(part.startswith(".") for part in file.relative_to(top).parts)
    ]
    images = [file for file in files if file.suffix.lower() in SUFFIXES]
    others = [file for file in files if file.suffix.lower() not in SUFFIXES]
    is_read = own_captions.among(top, captions) if captions else lambda _: False
    said = _said([f for f in others if f.name.lower() not in LITTER and not is_read(f)])
    if not images:
        raise ValueError(
            f"the folder {top} holds no image: looked for {' '.join(SUFFIXES)}"
            + (f", but found {said}: {_advice(top, others)}" if said else "")
        )
    if said:
        warnings.warn(f"the folder {top} holds files that are left out: {said}", stacklevel=3)
    return images, others


def _advice(top: Path, others: list[Path]) -> str:
    if any(file.suffix.lower() in (".tar", ".parquet") for file in others):
        return f"say shards:{top} if these hold images"
    return "convert them to PNG or JPEG"


def files_under(top: Path) -> Iterator[Path]:
    """All files under a folder, through links to folders as well, in no order.

    A link that leads back to a folder above it is not followed. Raises OSError for a folder that
    may not be looked into.
    """

    def refuse(error: OSError) -> None:
        raise OSError(f"cannot look into {error.filename}: {error.strerror}") from error

    for place, folders, files in os.walk(top, followlinks=True, onerror=refuse):
        here = Path(place)
        above = {os.path.realpath(folder) for folder in (here, *here.parents)}
        folders[:] = [name for name in folders if os.path.realpath(here / name) not in above]
        yield from (here / name for name in files if not _is_special(here / name))


def _is_special(file: Path) -> bool:
    """Whether it is a pipe, a socket or a device; a broken link is not."""
    return file.exists() and not file.is_file()


def _said(files: list[Path]) -> str:
    """The files by suffix: how many, and the name of the first."""
    counts = Counter(file.suffix.lower() or "no suffix" for file in files)
    first = {file.suffix.lower() or "no suffix": file.name for file in reversed(files)}
    return ", ".join(f"{n} of {suffix} ({first[suffix]})" for suffix, n in counts.most_common(8))


def _classes(top: Path, files: list[Path]) -> tuple[tuple[str, ...], torch.Tensor]:
    stray = [file for file in files if file.parent == top]
    if stray:
        raise ValueError(
            f"labels are the names of sub-folders, but {stray[0]} is in none: "
            "move it into one, or leave labels out"
        )
    owners = [file.relative_to(top).parts[0] for file in files]
    names, y = np.unique(owners, return_inverse=True)
    return tuple(map(str, names)), torch.from_numpy(y.astype(np.int64))


def _images(
    top: Path, files: list[Path], canvas: Canvas, rule: Rule, skip_unreadable: bool
) -> Images:
    return Images(
        title=f"{top.name}/",
        n=len(files),
        key=[str(top), *map(stamp, files)],
        canvas=canvas,
        items=lambda: zip(map(str, files), files),
        # What older versions knew a folder by; now its images are known by their content.
        about=lambda: (
            {} if rule.name == CONTENT else {"sha256 of names and sizes": _digest(top, files)}
        ),
        rule=rule,
        skip_unreadable=skip_unreadable,
        encoded=Files(files),
    )


def _digest(top: Path, files: list[Path]) -> str:
    listed = sorted((file.relative_to(top).as_posix(), stamp(file)[1]) for file in files)
    return hashlib.sha256(json.dumps(listed).encode()).hexdigest()
