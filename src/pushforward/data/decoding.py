"""Decoding: from an image file of any kind to one uint8 array (channels, height, width).

Only formats on a list are decoded, whatever a file is called: Pillow would hand PostScript to
Ghostscript, and a file that others made must not start a program.
"""

from __future__ import annotations

import io
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..core.spaces import count

if TYPE_CHECKING:
    from PIL.Image import Image

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "PPM")
MOST_PIXELS = 178_956_970  # Pillow's own limit: more would be half a gigabyte once decoded
LARGE, STRIP = 2**24, 2**20  # pixels: of images decoded one at a time, and laid over at a time
UNREADABLE = "cannot read the image "  # how every refusal begins

_alone = threading.Lock()

# PIL's modes with alpha; the small letters mean that it is multiplied in already.
ALPHA = ("RGBA", "LA", "PA", "RGBa", "La")

ORIENTATION = 0x0112  # the EXIF tag

# What is said of images, once for a whole set.
TRANSPARENT = "with transparency were laid over the grey value {background} (background)"
FRAMES = "with several frames are shown by their first"
DEEP = "of 16 bits became 8 bits"
DARK = (
    "of 16 bits hold nothing above 4095: if they are 12 bits in 16, they come out nearly black, "
    "and bits=12 mends it"
)
DARKER = "of 16 bits hold nothing above 4095, which is nearly black"


class Decoded(NamedTuple):
    """Pixels (channels, height, width), the encoding ("PNG", ...), and what else is to be said."""

    pixels: np.ndarray
    encoding: str
    remarks: tuple[str, ...]


def opened(source: bytes | Path, most: int = MOST_PIXELS) -> Image:
    """An image of one of `FORMATS`, not decoded yet.

    Raises ValueError for another format, and for more pixels than are decoded; else what Pillow's
    readers raise.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        file = io.BytesIO(source) if isinstance(source, bytes) else source
        image = Image.open(file, "r", FORMATS)
    except UnidentifiedImageError as error:
        raise ValueError(_of_no_format(source)) from error
    except Image.DecompressionBombError as error:
        raise ValueError(_too_many(str(error))) from error
    if image.width * image.height > most:
        image.close()
        raise ValueError(_too_many(f"it has {image.width}x{image.height}", most))
    return image


@contextmanager
def bombs_are_told_by_us() -> Iterator[None]:
    """Pillow warns of half the pixels that are refused; once refused, they are told in words."""
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        yield


def _too_many(said: str, most: int = MOST_PIXELS) -> str:
    return f"{said}; at most {most:,} pixels are decoded: make it smaller"


def _of_no_format(source: bytes | Path) -> str:
    if isinstance(source, Path):
        with source.open("rb") as file:
            source = file.read(8)
    if not source:
        return "it is empty"
    known = f"{', '.join(FORMATS[:-1])} or {FORMATS[-1]}"
    return f"it is no whole {known}: it begins with {source[:8]!r}"


@dataclass(frozen=True)
class Canvas:
    """What every image of a set is brought to.

    The shorter side is resized to `size` (antialiased) and the middle square kept; with None images
    stay as they are. `channels` is 1 (luminance) or 3; transparency is laid over the grey value
    `background`; the camera's orientation is applied; of several frames the first is shown. Grey
    values of 16 bits become 8: 2^bits - 1 is white. Images of more than `most` pixels are refused.
    """

    size: int | None
    channels: int = 3
    background: int = 255
    bits: int = 16
    most: int = MOST_PIXELS

    def __post_init__(self) -> None:
        if self.size is not None:
            count("size", self.size)
        if self.channels not in (1, 3):
            raise ValueError(f"channels must be 1 (grey) or 3 (colour), not {self.channels!r}")
        if not 0 <= self.background <= 255:
            raise ValueError(f"background must be 0 .. 255, not {self.background!r}")
        if not 8 <= self.bits <= 16:
            raise ValueError(f"bits must be 8 .. 16, those of a grey value, not {self.bits!r}")

    def decode(self, name: str, source: bytes | Path) -> Decoded:
        """The image `name`.

        Raises ValueError with the name where it cannot be read.
        """
        try:
            with opened(source, self.most) as image:
                remarks = [FRAMES.format()] if _moves(image) else []
                pixels = self._pixels(image, remarks)
                return Decoded(pixels, image.format or "unknown", tuple(remarks))
        except Exception as error:  # each of Pillow's readers fails in its own way
            raise ValueError(f"{UNREADABLE}{name} ({_why(error)})") from error

    def _pixels(self, image: Image, remarks: list[str]) -> np.ndarray:
        from PIL import Image as pil
        from PIL import ImageOps

        if self.size:
            # Big JPEGs decode quicker to a half, a quarter or an eighth. Its border may be half a
            # pixel off, so it stays eight times as large as what is wanted.
            image.draft(image.mode, (8 * self.size, 8 * self.size))
        deep = _is_deep(image)
        with _alone if image.width * image.height > LARGE else nullcontext():
            if image.getexif().get(ORIENTATION, 1) != 1:
                original, image = image, ImageOps.exif_transpose(image)
                original.close()  # its pixels are not needed any more
            plain = self._flat(self._eight_bit(image, deep, remarks), remarks)
            if self.size and plain.size != (self.size, self.size):
                plain = ImageOps.fit(plain, (self.size, self.size), method=pil.Resampling.BICUBIC)
            array = np.asarray(plain)
        return array.reshape(*array.shape[:2], self.channels).transpose(2, 0, 1)

    def _flat(self, image: Image, remarks: list[str]) -> Image:
        from PIL import Image as pil

        mode = "L" if self.channels == 1 else "RGB"
        if image.mode not in ALPHA and "transparency" not in image.info:
            return image if image.mode == mode else image.convert(mode)
        paper, opaque, rows = pil.new(mode, image.size), True, max(1, STRIP // image.width)
        for top in range(0, image.height, rows):
            box = (0, top, image.width, min(top + rows, image.height))
            coloured = image.crop(box).convert("RGBA")
            opaque = opaque and coloured.getchannel("A").getextrema() == (255, 255)
            ground = pil.new("RGBA", coloured.size, (*[self.background] * 3, 255))
            paper.paste(pil.alpha_composite(ground, coloured).convert(mode), box)
        if not opaque:
            remarks.append(TRANSPARENT.format(background=self.background))
        return paper

    def _eight_bit(self, image: Image, deep: bool, remarks: list[str]) -> Image:
        from PIL import Image as pil

        if image.mode == "F":
            raise ValueError("its pixels are floats, which have no fixed white: save 8 or 16 bits")
        if deep:
            remarks.append(DEEP)
        if not image.mode.startswith("I"):
            if deep and np.asarray(image).max() < 16:
                remarks.append(DARKER)  # Pillow left the lower bits out
            return image
        values, white = np.asarray(image).astype(np.int64), (1 << self.bits) - 1
        if values.min() < 0 or values.max() > white:
            raise ValueError(
                f"its pixels are {values.min()} .. {values.max()}, beyond {self.bits} bits"
            )
        if self.bits == 16 and values.max() < 4096:
            remarks.append(DARK)
        return pil.fromarray(((values * 255 + white // 2) // white).astype(np.uint8))


def _why(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "there is no such file, or the link to it is broken"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) if type(error) is ValueError else f"{type(error).__name__}: {error}"


def _is_deep(image: Image) -> bool:
    """Whether the file has 16 bits a value, some of which Pillow may leave out."""
    raw = [str(tile[3]) for tile in getattr(image, "tile", ())]
    return image.mode.startswith("I") or any(";16" in said for said in raw)


def _moves(image: Image) -> bool:
    # Photographs that hold a second one for depth are no films.
    with suppress(Exception):  # a second frame that is torn does not matter
        return image.format != "MPO" and bool(getattr(image, "is_animated", False))
    return False
