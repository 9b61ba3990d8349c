"""Images: a sheet of tiles in one PNG."""

from __future__ import annotations

import io
import math
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from ..core.spaces import Pixels, count
from .medium import Medium, attribute, embedded, first

if TYPE_CHECKING:
    from PIL.Image import Image

GAP, GREY = 1, 128
COLUMNS, SIDE = 8, 32  # of a small sheet; a tile is enlarged to about so many pixels
TILES, PIXELS = 1_024, 2**24  # on a sheet, at most
WRITTEN = {
    ".png": "PNG",
    **dict.fromkeys((".jpg", ".jpeg"), "JPEG"),
    **dict.fromkeys((".tif", ".tiff"), "TIFF"),
    ".webp": "WEBP",
    ".bmp": "BMP",
    ".gif": "GIF",
    ".ppm": "PPM",
}
"""Endings of image files, and what they hold."""
LOSSY = {"JPEG": {"quality": 95}, "WEBP": {"lossless": True}}


class Images(Medium):
    """Images of `space` as a sheet of tiles: more than would make it unwieldy are left out."""

    noun, suffixes = "images", tuple(WRITTEN)

    def __init__(self, space: Pixels):
        self.space = space

    @property
    def most(self) -> int:
        """1,024 tiles, or as many as 2^24 pixels hold."""
        return max(1, min(TILES, PIXELS // (self.space.height * self.space.width)))

    def show(self, samples: Tensor) -> Image:
        """The sheet of the first `most` images, each as large as can be seen."""
        return sheet(samples[: self.most], self.space)

    def html(self, samples: Tensor, described: str) -> str:
        """An <img> that carries the sheet."""
        return inline(self.show(samples), described)

    def write(self, batches: Iterable[Tensor], path: Path) -> int:
        """Writes the sheet."""
        shown = first(batches, self.most)
        path.write_bytes(content(self.show(shown), path))
        return len(shown)


def sheet(x: Tensor, space: Pixels, columns: int | None = None, scale: int | None = None) -> Image:
    """The images (n, channels, height, width) of `space` in rows, each pixel `scale` pixels wide.

    By default rows have 8 images, and more where that would make a strip; small images are
    enlarged. Raises ValueError for other data, or none.
    """
    images = as_rgb(x, space)
    n, height, width, _ = images.shape
    if n == 0:
        raise ValueError("there are no images to show")
    across = count("columns", columns or max(COLUMNS, math.ceil(math.sqrt(n))))
    rows = math.ceil(n / across)
    shape = (rows * (height + GAP) - GAP, min(across, n) * (width + GAP) - GAP, 3)
    paper = np.full(shape, GREY, np.uint8)
    for i, image in enumerate(images):
        top, left = (i // across) * (height + GAP), (i % across) * (width + GAP)
        paper[top : top + height, left : left + width] = image
    return enlarged(paper, count("scale", scale or max(1, SIDE // height)))


def as_rgb(x: Tensor, space: Pixels) -> np.ndarray:
    """Images (batch, channels, height, width) as uint8 (batch, height, width, 3).

    One channel is grey; of more than three the first three are seen, a missing one is black.
    """
    unit = space.to_unit(space.check(x)).mul(255).round().to(torch.uint8).cpu().numpy()
    if space.channels == 1:
        unit = np.repeat(unit, 3, 1)
    missing = max(0, 3 - unit.shape[1])
    return np.pad(unit[:, :3], ((0, 0), (0, missing), (0, 0), (0, 0))).transpose(0, 2, 3, 1)


def enlarged(paper: np.ndarray, scale: int) -> Image:
    """An RGB array (height, width, 3) as an image `scale` times as large, without smoothing."""
    from PIL import Image

    image = Image.fromarray(paper)
    size = (image.width * scale, image.height * scale)
    return image.resize(size, Image.Resampling.NEAREST)


def png(image: Image) -> bytes:
    """The content of its PNG file."""
    return content(image, Path("image.png"))


def content(image: Image, path: Path) -> bytes:
    """The content of the image's file of that name: as its ending says."""
    kind, buffer = WRITTEN[path.suffix.lower()], io.BytesIO()
    image.save(buffer, kind, **LOSSY.get(kind, {}))
    return buffer.getvalue()


def inline(image: Image, described: str) -> str:
    """An <img> that carries its PNG."""
    return f'<img alt="{attribute(described)}" src="{embedded(png(image), "image/png")}">'
