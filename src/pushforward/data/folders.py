"""A folder of pictures of any kind as a data set."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import torch

from ..core.dataset import Dataset
from ..core.spaces import Pixels
from .cache import Images, stamp
from .decoding import Canvas
from .specs import findable
from .splits import cut, shuffled, sizes

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm")


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
) -> Dataset:
    """All images under `path`, sub-folders included: Pixels(channels, size, size).

    The shorter side is resized (antialiased) and the middle kept; `size=None` leaves images as they
    are, which must then be of one size. The camera's orientation is applied, transparency is laid
    over the grey value `background`, 16 bits become 8. With `labels`, the second tensor (int64) is
    the sub-folder of `path` that an image lies in. Files are sorted by name and shuffled by `seed`;
    the shares `validation` and `test` are held out. Hidden files are left out.

    Raises FileNotFoundError where there is no such folder; ValueError where it holds no image, too
    few to split, one that cannot be read, or, with `labels`, one outside a sub-folder.
    """
    top, canvas = Path(path).expanduser().resolve(), Canvas(size, channels, background)
    files = _found(top)
    lengths = sizes(f"the folder {top}", len(files), validation, test)
    files = [files[i] for i in shuffled(len(files), seed)]
    classes, ys = _classes(top, files) if labels else ((), ())
    x, about = _images(top, files, canvas).load()
    origin = {
        "source": f"folder {top.name}",
        **about,
        "size": size,
        "seed": seed,
        "split": f"shuffled by numpy RandomState(seed); {validation} validates, {test} tests",
    }
    train, held, last = cut((torch.from_numpy(x), *ys), lengths)
    return Dataset(top.name, Pixels(*x.shape[1:]), train, held, last, origin, classes)


def _found(top: Path) -> list[Path]:
    if not top.is_dir():
        what = "is a file, not a folder" if top.exists() else "does not exist"
        raise FileNotFoundError(f"the folder of images {top} {what}")
    files = [
        file
        for file in sorted(top.rglob("*"))
        if file.suffix.lower() in SUFFIXES
        and file.is_file()
        and not any(part.startswith(".") for part in file.relative_to(top).parts)
    ]
    if not files:
        raise ValueError(f"the folder {top} holds no image: looked for {' '.join(SUFFIXES)}")
    return files


def _classes(top: Path, files: list[Path]) -> tuple[tuple[str, ...], tuple[torch.Tensor]]:
    stray = [file for file in files if file.parent == top]
    if stray:
        raise ValueError(
            f"labels are the names of sub-folders, but {stray[0]} is in none: "
            "move it into one, or leave labels out"
        )
    owners = [file.relative_to(top).parts[0] for file in files]
    names, y = np.unique(owners, return_inverse=True)
    return tuple(map(str, names)), (torch.from_numpy(y.astype(np.int64)),)


def _images(top: Path, files: list[Path], canvas: Canvas) -> Images:
    return Images(
        title=f"{top.name}/",
        n=len(files),
        key=[str(top), *map(stamp, files)],
        canvas=canvas,
        items=lambda: zip(map(str, files), files),
        about=lambda: {"sha256 of names and sizes": _digest(top, files)},
    )


def _digest(top: Path, files: list[Path]) -> str:
    listed = sorted((file.relative_to(top).as_posix(), file.stat().st_size) for file in files)
    return hashlib.sha256(json.dumps(listed).encode()).hexdigest()
