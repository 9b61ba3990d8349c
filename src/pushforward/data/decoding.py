"""Decoding: from an image file of any kind to one uint8 array (channels, height, width)."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..core.spaces import count

if TYPE_CHECKING:
    from PIL.Image import Image

# PIL's modes with alpha; the small letters mean that it is multiplied in already.
ALPHA = ("RGBA", "LA", "PA", "RGBa", "La")

ORIENTATION = 0x0112  # the EXIF tag


@dataclass(frozen=True)
class Canvas:
    """What every image of a set is brought to.

    The shorter side is resized to `size` (antialiased) and the middle square kept; with None images
    stay as they are. `channels` is 1 (luminance) or 3; transparency is laid over the grey value
    `background`; the camera's orientation is applied; 16 bits become 8.
    """

    size: int | None
    channels: int = 3
    background: int = 255

    def __post_init__(self) -> None:
        if self.size is not None:
            count("size", self.size)
        if self.channels not in (1, 3):
            raise ValueError(f"channels must be 1 (grey) or 3 (colour), not {self.channels!r}")
        if not 0 <= self.background <= 255:
            raise ValueError(f"background must be 0 .. 255, not {self.background!r}")

    def decode(self, name: str, source: bytes | Path) -> tuple[np.ndarray, str]:
        """The pixels of the image `name`, and the encoding it had ("PNG", "JPEG", ...).

        Raises ValueError with the name where it cannot be read.
        """
        from PIL import Image

        try:
            with Image.open(io.BytesIO(source) if isinstance(source, bytes) else source) as image:
                encoding = image.format or "unknown"
                return self._pixels(image), encoding
        except Exception as error:  # each of Pillow's readers fails in its own way
            raise ValueError(
                f"cannot read the image {name} ({type(error).__name__}: {error}): "
                "remove it or put a sound one in its place"
            ) from error

    def _pixels(self, image: Image) -> np.ndarray:
        from PIL import Image as pil
        from PIL import ImageOps

        if self.size:
            # Big JPEGs decode quicker to a half, a quarter or an eighth. Its border may be half a
            # pixel off, so it stays eight times as large as what is wanted.
            image.draft(image.mode, (8 * self.size, 8 * self.size))
        if image.getexif().get(ORIENTATION, 1) != 1:
            image = ImageOps.exif_transpose(image)
        plain = self._flat(_eight_bit(image))
        if self.size and plain.size != (self.size, self.size):
            plain = ImageOps.fit(plain, (self.size, self.size), method=pil.Resampling.BICUBIC)
        array = np.asarray(plain)
        return array.reshape(*array.shape[:2], self.channels).transpose(2, 0, 1)

    def _flat(self, image: Image) -> Image:
        from PIL import Image as pil

        mode = "L" if self.channels == 1 else "RGB"
        if image.mode not in ALPHA and "transparency" not in image.info:
            return image if image.mode == mode else image.convert(mode)
        ground = pil.new("RGBA", image.size, (*[self.background] * 3, 255))
        return pil.alpha_composite(ground, image.convert("RGBA")).convert(mode)


def _eight_bit(image: Image) -> Image:
    from PIL import Image as pil

    if image.mode == "F":
        raise ValueError("its pixels are floats, which have no fixed white: save 8 or 16 bits")
    if not image.mode.startswith("I"):
        return image
    values = np.asarray(image).astype(np.int64)
    if values.min() < 0 or values.max() > 65535:
        raise ValueError(f"its pixels are {values.min()} .. {values.max()}, beyond 16 bits")
    return pil.fromarray(((values + 128) // 257).astype(np.uint8))
