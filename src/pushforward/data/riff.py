"""Samples out of sound files: WAV of any plain kind here, other formats by soundfile.

    RIFF size WAVE, then chunks of (name, size, content): "fmt " says what "data" holds

Whole numbers of 8 to 32 bits and floats of 32 and 64 bits are read, in the extensible form too. A
file that says that it holds more than it does is refused, not read as far as it goes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

OTHERS = (".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".au")
"""Endings of what soundfile reads."""

FORMATS = ("WAV", "WAVEX", "RF64", "FLAC", "OGG", "MP3", "AIFF", "AU")
WHOLE, FLOAT, EXTENSIBLE = 1, 3, 0xFFFE
REST = bytes.fromhex("000000001000800000aa00389b71")  # of the GUID of a kind with a number
UNTOLD = 0xFFFFFFFF  # the size that is written where the end is not known yet
KINDS = {2: "ADPCM", 6: "A-law", 7: "mu-law", 0x55: "MP3"}


@dataclass(frozen=True)
class _Form:
    kind: int
    channels: int
    rate: int
    width: int  # bytes of a sample


def samples_of(file: Path) -> tuple[np.ndarray, int]:
    """The samples of a sound file, floats (length, channels) in about [-1, 1], and their rate.

    Raises ValueError, naming the file, for one that is cut short, empty, damaged, or of a kind that
    is not read.
    """
    if file.suffix.lower() in OTHERS:
        return _by_library(file, "it is no WAV file")
    content = file.read_bytes()
    if content[:4] not in (b"RIFF", b"RF64") or content[8:12] != b"WAVE":
        raise ValueError(f"{file} is no WAV file: it begins with {content[:12]!r}")
    found: dict[bytes, bytes] = {}
    for name, inside in _chunks(file, content):
        found.setdefault(name, inside)
    if b"fmt " not in found or not found.get(b"data"):
        raise ValueError(f"{file} holds no sound: it is empty, or cut short")
    form = _form(file, found[b"fmt "])
    if form.kind not in (WHOLE, FLOAT):
        kind = KINDS.get(form.kind, f"of kind {form.kind:#x}")
        return _by_library(file, f"its samples are {kind}")
    return _decoded(file, form, found[b"data"]), form.rate


def _chunks(file: Path, content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Names and contents; raises ValueError for one that is longer than the file."""
    place = 12
    while place + 8 <= len(content):
        name, (size,) = content[place : place + 4], struct.unpack_from("<I", content, place + 4)
        left = len(content) - place - 8
        if size == UNTOLD and name == b"data":
            size = left
        if size > left and name in (b"data", b"fmt "):
            raise ValueError(
                f"{file} is cut short: it says that it holds {size:,} bytes of sound, but holds "
                f"{left:,}"
            )
        yield name, content[place + 8 : place + 8 + size]
        place += 8 + size + size % 2


def _form(file: Path, said: bytes) -> _Form:
    if len(said) < 16:
        raise ValueError(f"{file} is damaged: it does not say what its samples are")
    kind, channels, rate, _, align, bits = struct.unpack_from("<HHIIHH", said)
    if kind == EXTENSIBLE and len(said) >= 40 and said[26:40] == REST:
        (kind,) = struct.unpack_from("<H", said, 24)
    if not channels or not rate or align % channels or not align or bits > 8 * align // channels:
        raise ValueError(
            f"{file} is damaged: it says that it has {channels} channels, {rate} samples a second, "
            f"{bits} bits a sample and {align} bytes for all channels"
        )
    return _Form(kind, channels, rate, align // channels)


def _decoded(file: Path, form: _Form, raw: bytes) -> np.ndarray:
    """Samples (length, channels). Raises ValueError for widths that there are not."""
    widths = (4, 8) if form.kind == FLOAT else (1, 2, 3, 4)
    if form.width not in widths:
        what = "floats" if form.kind == FLOAT else "whole numbers"
        raise ValueError(f"{file} has {what} of {8 * form.width} bits as samples, which are none")
    if len(raw) % (form.width * form.channels):
        raise ValueError(f"{file} is cut short: its last sample is not whole")
    if form.kind == WHOLE:
        return _numbers(raw, form.width).reshape(-1, form.channels)
    x = np.frombuffer(raw, f"<f{form.width}").astype(np.float64).reshape(-1, form.channels)
    if not np.isfinite(x).all():
        place = int(np.argwhere(~np.isfinite(x))[0][0])
        raise ValueError(f"{file} holds {x[place].tolist()} as sample {place:,}, which is none")
    return x


def _numbers(raw: bytes, width: int) -> np.ndarray:
    """Samples in [-1, 1): 8 bits count from 0, more are signed, the low byte first."""
    octets = np.frombuffer(raw, np.uint8).reshape(-1, width).astype(np.int64)
    if width == 1:
        return (octets[:, 0] - 128) / 128
    whole = (octets << (8 * np.arange(width))).sum(1)
    top = 1 << (8 * width - 1)
    return (whole - (whole >= top) * 2 * top) / top


def _by_library(file: Path, why: str) -> tuple[np.ndarray, int]:
    """The same by soundfile. Raises ValueError where it is not installed, or cannot."""
    try:
        import soundfile
    except ImportError as error:
        raise ValueError(
            f'{file} cannot be read, because {why}: pip install "pushforward[audio]" reads '
            f"WAV of all kinds and {', '.join(OTHERS)}"
        ) from error
    _check_length(file)
    try:
        with soundfile.SoundFile(file) as sound:
            if sound.format not in FORMATS:
                raise ValueError(f"{file} is {sound.format}, which is not read")
            x = sound.read(dtype="float64", always_2d=True)
            wanted, rate = sound.frames, sound.samplerate
    except (RuntimeError, TypeError) as error:  # LibsndfileError is one
        raise ValueError(f"{file} cannot be read: {error}") from error
    if not len(x) or len(x) < wanted < 2**62 or not np.isfinite(x).all():
        raise ValueError(f"{file} is cut short, empty or damaged: {len(x):,} samples of {wanted:,}")
    return x, rate


def _check_length(file: Path) -> None:
    """Raises ValueError where an AIFF or AU file says that it is longer than it is.

    The library reads as far as it goes.
    """
    with file.open("rb") as stream:
        start = stream.read(16)
    told = 0
    if start[:4] == b"FORM" and len(start) == 16:
        told = 8 + struct.unpack_from(">I", start, 4)[0]
    elif start[:4] == b".snd" and len(start) == 16:
        begin, size = struct.unpack_from(">II", start, 4)
        told = begin + (size if size != UNTOLD else 0)
    if told > file.stat().st_size:
        raise ValueError(f"{file} is cut short: it says that it is of {told:,} bytes")
