"""Image files that others made: whole ones of every kind, damaged ones, and what is no image."""

from __future__ import annotations

import io
import os
import pickle
import random
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
from harness import NAMES, End, Trial, Wrong, damaged, looked_at, refused, taken
from PIL import Image

COLOUR, GREY = (200, 90, 30), 122
GOOD = 4  # images beside the hostile one
POSTSCRIPT = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n(touched) (w) file closefile\n"


def encoded(kind: str, mode: str = "RGB", size: tuple[int, int] = (20, 16), **options) -> bytes:
    """A picture of one colour."""
    image = Image.new("RGB", size, COLOUR)
    if mode == "I;16":
        image = Image.fromarray(np.full(size[::-1], GREY * 257, np.uint16))
    elif mode == "P":
        image = image.quantize(8)
    elif mode != "RGB":
        image = image.convert(mode)
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def whole() -> list[tuple[str, bytes, str]]:
    """Suffix, content and mode of images that must be read rightly."""
    made = [
        (".png", encoded("PNG", mode), mode) for mode in ("RGB", "L", "RGBA", "P", "I;16", "LA")
    ]
    made += [(".jpg", encoded("JPEG", mode, quality=95), mode) for mode in ("RGB", "L", "CMYK")]
    made += [(".bmp", encoded("BMP"), "RGB"), (".gif", encoded("GIF", "P"), "P")]
    made += [(".webp", encoded("WEBP", lossless=True), "RGB"), (".ppm", encoded("PPM"), "RGB")]
    for how in ("raw", "tiff_lzw", "tiff_deflate", "packbits"):
        made.append((".tif", encoded("TIFF", compression=how), "RGB"))
    frames = [Image.new("RGB", (9, 9), COLOUR)] * 3
    stream = io.BytesIO()
    frames[0].save(stream, "GIF", save_all=True, append_images=frames[1:])
    made.append((".gif", stream.getvalue(), "P"))
    turned = Image.Exif()
    turned[0x0112] = 6
    made.append((".jpeg", encoded("JPEG", exif=turned.tobytes(), quality=95), "RGB"))
    return made


def png_of(width: int, height: int, depth: int = 1, colour: int = 0, body: bytes = b"") -> bytes:
    """A PNG that says what it likes of its size."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        joined = kind + content
        return struct.pack(">I", len(content)) + joined + struct.pack(">I", zlib.crc32(joined))

    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def zeros(length: int) -> bytes:
    """So many zeros, compressed."""
    pack, parts = zlib.compressobj(9), []
    for _ in range(length // 2**20):
        parts.append(pack.compress(bytes(2**20)))
    return b"".join([*parts, pack.compress(bytes(length % 2**20)), pack.flush()])


def no_images() -> list[tuple[str, bytes]]:
    """What must be refused, whatever it is called."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("a.png", encoded("PNG"))
    huge = png_of(60_000, 60_000, body=zeros(10_000))
    bomb = png_of(30_000, 30_000, body=zeros(30_000 * 3_751))
    found = [
        ("PostScript", POSTSCRIPT),
        (
            "PostScript with a DOS header",
            b"\xc5\xd0\xd3\xc6"
            + struct.pack("<IIIIII", 32, len(POSTSCRIPT), 0, 0, 0, 0)
            + b"\xff\xff\0\0"
            + POSTSCRIPT,
        ),
        ("PDF", b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\ntrailer <<>>\n"),
        ("SVG", b"<svg xmlns='http://www.w3.org/2000/svg'/>"),
        ("HTML", b"<!doctype html><script>alert(1)</script>"),
        ("zip", archive.getvalue()),
        ("pickle", pickle.dumps([1, 2, 3])),
        ("nothing", b""),
        ("one byte", b"\x89"),
        ("zeros", bytes(1000)),
        ("declared size", huge),
        ("bomb", bomb),
        ("no rows", png_of(1, 0)),
        ("ICO", encoded("ICO")),
        ("TGA", encoded("TGA")),
        ("PCX", encoded("PCX")),
        ("JPEG 2000", encoded("JPEG2000")),
        ("SGI", encoded("SGI")),
        ("DDS", encoded("DDS")),
        ("XBM", b"#define a_width 8\n#define a_height 8\nstatic char a_bits[] = {0};"),
        ("EPS by Pillow", encoded("EPS")),
        ("EMF", b"\x01\0\0\0" + bytes(36) + b" EMF" + bytes(60)),
        ("GIF of 65,535", b"GIF89a\xff\xff\xff\xff\0\0\0,\0\0\0\0\xff\xff\xff\xff\0\x02\0;"),
        ("PPM of much", b"P6 100000 100000 255\n"),
        ("PPM of words", b"P6 a b c\n"),
        (
            "BMP of much",
            encoded("BMP")[:18] + b"\xff\xff\xff\x7f\xff\xff\xff\x7f" + encoded("BMP")[26:],
        ),
        ("TIFF that turns in a circle", b"II*\0\x08\0\0\0\0\0\x08\0\0\0"),
        ("shell", b"#!/bin/sh\ntouch touched\n"),
    ]
    return found


def trials(draw: random.Random, n: int) -> Iterator[Trial]:
    """`n` of them: all whole ones and all that are none, names, places, and damage to the rest."""
    made: list[Trial] = []
    for suffix, content, mode in whole():
        made.append(_trial(f"whole {suffix} {mode}", f"x{suffix}", content, taken, mode))
        made.append(_trial(f"{suffix} called .png", "x.png", content, taken, mode))
    for what, content in no_images():
        for name in ("x.png", "x.JPG"):
            made.append(_trial(f"{what} as {name}", name, content, refused(name)))
    made += [
        _trial(f"a name {name!r}", f"{name}.png", encoded("PNG"), taken, "RGB") for name in NAMES
    ]
    made += [_special(name, act) for name, act in SPECIAL.items()]
    large = {  # at the edge of what is decoded
        "large and grey": png_of(13_000, 13_000, 1, 0, zeros(13_000 * 1_626)),
        "large with colours": png_of(9_000, 9_000, 8, 2, zeros(9_000 * 27_001)),
        "large and transparent": png_of(13_000, 13_000, 8, 6, zeros(13_000 * 52_001)),
        "large and cut": png_of(13_300, 13_300, 8, 6, zeros(1_000)),
    }
    made += [_trial(what, "x.png", content) for what, content in large.items()]
    sources = whole()
    while len(made) < n:
        suffix, content, _ = draw.choice(sources)
        other = draw.choice(sources)[1]
        if draw.random() < 0.1:  # the head of one and the body of another
            cut = draw.randrange(8, 60)
            made.append(_trial(f"{suffix} and another", f"x{suffix}", content[:cut] + other[cut:]))
        else:
            made.append(_trial(f"damaged {suffix}", f"x{suffix}", damaged(content, draw)))
    yield from made[:n]


def _trial(
    what: str,
    name: str,
    content: bytes,
    judge: Callable[[End], str | None] | None = None,
    mode: str | None = None,
) -> Trial:
    def act() -> None:
        _set_up(Path("set"))
        (Path("set") / name).write_bytes(content)
        looked_at(f"folder:{Path('set').resolve()}?size=8", partial(_check, mode=mode))()

    return Trial(what, act, judge or _read_or_named(name))


def _set_up(top: Path) -> None:
    top.mkdir()
    for i in range(GOOD):
        (top / f"good{i}.png").write_bytes(encoded("PNG", size=(8 + i, 8)))


def _check(data, mode: str | None) -> None:
    """All are there and, of a whole image, in their colour."""
    parts = (data.train, data.validation, data.test)
    x = np.concatenate([part.tensors[0].numpy() for part in parts])
    if x.shape != (GOOD + 1, 3, 8, 8) or x.dtype != np.uint8:
        raise Wrong(f"{x.shape} {x.dtype}")
    if mode is not None:
        grey = (
            GREY
            if mode == "I;16"
            else round(sum(a * b for a, b in zip((0.299, 0.587, 0.114), COLOUR)))
        )
        wanted = np.array([grey] * 3 if mode in ("L", "LA", "I;16") else COLOUR)
        far = np.abs(x.astype(int) - wanted[:, None, None]).max((1, 2, 3))
        good = np.abs(x.astype(int) - np.array(COLOUR)[:, None, None]).max((1, 2, 3))
        if (
            sorted(good <= 4) != sorted([True] * GOOD + [wanted.tolist() == list(COLOUR)])
            or (far <= 4).sum() == 0
        ):
            raise Wrong(f"colours differ by {far.tolist()} and {good.tolist()}")


def _read_or_named(name: str) -> Callable[[End], str | None]:
    return lambda end: refused(name)(end) if end.code else None


def _link(top: Path, target: str) -> None:
    (top / "x.png").symlink_to(target)


SPECIAL: dict[str, Callable[[Path], None]] = {
    "a folder that is called x.png": lambda top: (top / "x.png").mkdir(),
    "a pipe": lambda top: os.mkfifo(top / "x.png"),
    "a broken link": lambda top: _link(top, "nowhere"),
    "a link to itself": lambda top: _link(top, "x.png"),
    "a link to the folder": lambda top: _link(top, "."),
    "a link to /dev/zero": lambda top: _link(top, "/dev/zero"),
    "a link to an image": lambda top: _link(top, "good0.png"),
    "names that are no UTF-8": lambda top: (top / os.fsdecode(b"x\xff.png")).write_bytes(
        encoded("PNG")
    ),
    "a long path": lambda top: _deep(top),
}


def _deep(top: Path) -> None:
    for _ in range(14):
        top = top / ("d" * 100)
        top.mkdir()
    (top / "x.png").write_bytes(encoded("PNG"))


def _special(what: str, place: Callable[[Path], None]) -> Trial:
    def act() -> None:
        _set_up(Path("set"))
        place(Path("set"))
        looked_at(f"folder:{Path('set').resolve()}?size=8")()

    return Trial(what, act, lambda end: None)
