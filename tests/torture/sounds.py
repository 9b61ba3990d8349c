"""WAV files that others made: of every width and rate, damaged, and what is no sound."""

from __future__ import annotations

import io
import random
import struct
import wave
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
from harness import NAMES, Trial, Wrong, damaged, looked_at, refused, taken

RATE, LENGTH = 8_000, 64


def plain(width: int = 2, channels: int = 1, rate: int = RATE, seconds: float = 0.5) -> bytes:
    """A tone as `wave` writes it."""
    t = np.arange(round(rate * seconds)) / rate
    tone = np.repeat(np.sin(2 * np.pi * 440 * t)[:, None], channels, 1) * 0.5
    whole = np.round(tone * (2 ** (8 * width - 1) - 1)).astype(np.int64) + (
        128 if width == 1 else 0
    )
    raw = b"".join(int(v).to_bytes(width, "little", signed=width > 1) for v in whole.ravel())
    stream = io.BytesIO()
    with wave.open(stream, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(raw)
    return stream.getvalue()


def crafted(
    body: bytes = bytes(2_000),
    kind: int = 1,
    channels: int = 1,
    rate: int = RATE,
    bits: int = 16,
    align: int | None = None,
    declared: int | None = None,
    extra: bytes = b"",
) -> bytes:
    """A WAV file that says what it likes of itself."""
    align = channels * bits // 8 if align is None else align
    head = (
        struct.pack(
            "<HHIIHH",
            kind,
            channels,
            rate & 0xFFFFFFFF,
            rate * align & 0xFFFFFFFF,
            align & 0xFFFF,
            bits,
        )
        + extra
    )
    size = len(body) if declared is None else declared
    chunks = (
        b"fmt " + struct.pack("<I", len(head)) + head + b"data" + struct.pack("<I", size) + body
    )
    return b"RIFF" + struct.pack("<I", (4 + len(chunks)) & 0xFFFFFFFF) + b"WAVE" + chunks


def strange() -> list[tuple[str, bytes, Callable | None]]:
    """What must be refused by its name, or may be."""
    no = refused("x.wav")
    noise = np.random.RandomState(0).randint(-9_000, 9_000, 4_000).astype("<i2").tobytes()
    return [
        ("nothing", b"", no),
        ("a head alone", plain()[:44], no),
        ("half a head", plain()[:30], no),
        ("zeros", bytes(1000), no),
        ("an MP3", b"ID3\x04\0\0\0\0\0\0" + b"\xff\xfb\x90\0" * 100, no),
        ("FLAC", b"fLaC\0\0\0\x22" + bytes(60), no),
        ("Ogg", b"OggS" + bytes(100), no),
        ("AIFF", b"FORM\0\0\0\x40AIFFCOMM" + bytes(60), no),
        ("big-endian RIFX", b"RIFX" + plain()[4:], no),
        ("HTML", b"<html></html>", no),
        ("no samples", crafted(b""), no),
        ("no channels", crafted(channels=0, align=2), no),
        ("no bits", crafted(bits=0, align=2), no),
        ("7 bits", crafted(bits=7, align=1), None),
        ("999 bits", crafted(bits=999), no),
        ("65,535 channels", crafted(channels=65_535), None),
        ("no rate", crafted(noise, rate=0), no),
        ("a rate of 1", crafted(noise * 100, rate=1), None),
        ("a rate of 3", crafted(noise * 10, rate=3), None),
        ("a rate of 4 billion", crafted(noise, rate=4_294_967_295), None),
        ("4 GB declared", crafted(noise, declared=0xFFFFFFFF), None),
        ("more declared", crafted(noise, declared=9_000), None),
        ("less declared", crafted(noise, declared=7_000), None),
        ("odd bytes", crafted(noise[:-1]), None),
        ("an alignment of 0", crafted(noise, align=0), None),
        ("an alignment of 7", crafted(noise, align=7), None),
        (
            "float samples",
            crafted(np.random.RandomState(0).randn(4_000).astype("<f4").tobytes(), kind=3, bits=32),
            None,
        ),
        (
            "float samples of NaN",
            crafted(np.full(4_000, np.nan, "<f4").tobytes(), kind=3, bits=32),
            None,
        ),
        ("ADPCM", crafted(kind=2, bits=4, align=1), no),
        ("A-law", crafted(kind=6, bits=8), None),
        ("an unknown kind", crafted(kind=999), no),
        (
            "extensible",
            crafted(
                noise,
                kind=0xFFFE,
                extra=struct.pack("<HHI", 22, 16, 0)
                + b"\1\0\0\0\0\0\x10\0\x80\0\0\xaa\0\x38\x9b\x71",
            ),
            None,
        ),
        (
            "extensible, of nothing",
            crafted(noise, kind=0xFFFE, extra=struct.pack("<HHI", 22, 16, 0) + bytes(16)),
            None,
        ),
        ("extensible and cut", crafted(noise, kind=0xFFFE), None),
        (
            "two data parts, the first short",
            plain()[:36] + b"data\x04\0\0\0\1\2\3\4" + plain()[36:],
            refused("set"),
        ),
        ("a list before", plain()[:12] + b"LIST\x04\0\0\0INFO" + plain()[12:], None),
        ("a part without end", plain()[:12] + b"LIST\xff\xff\xff\xffINFO" + plain()[12:], no),
    ]


def trials(draw: random.Random, n: int) -> Iterator[Trial]:
    """`n` of them."""
    made = []
    for width in (1, 2, 3, 4):
        for channels in (1, 2, 5):
            content = plain(width, channels)
            check = partial(_check, levels=256)
            made.append(_trial(f"{width} bytes, {channels} channels", content, taken, check))
    made += [
        _trial(f"{rate} Hz", plain(rate=rate), taken) for rate in (4_000, 11_025, 44_100, 96_000)
    ]
    made += [_trial(what, content, judge) for what, content, judge in strange()]
    made += [_trial(f"a name {name!r}", plain(), taken, name=f"{name}.wav") for name in NAMES[:12]]
    sources = [plain(width, channels) for width in (1, 2, 3, 4) for channels in (1, 2)]
    while len(made) < n:
        made.append(_trial("damaged", damaged(draw.choice(sources), draw)))
    yield from made[:n]


def _trial(what: str, content: bytes, judge=None, check=lambda data: None, name="x.wav") -> Trial:
    def act() -> None:
        Path("set").mkdir()
        (Path("set") / name).write_bytes(content)
        looked_at(f"wav:{Path('set').resolve()}?length={LENGTH}&rate={RATE}", check)()

    def judged(end):
        if judge is not None:
            return judge(end)
        return refused(name)(end) if end.code else None

    return Trial(what, act, judged)


def _check(data, levels: int) -> None:
    """It is the tone: every piece sounds as loud as it should, and none is missing."""
    x = np.concatenate(
        [part.tensors[0].numpy() for part in (data.train, data.validation, data.test)]
    )
    y = 2 * x / (levels - 1) - 1
    wave_ = np.sign(y) * ((1 + levels - 1) ** np.abs(y) - 1) / (levels - 1)
    if x.shape != (RATE // 2 // LENGTH, LENGTH) or abs(np.sqrt((wave_**2).mean()) - 0.3535) > 0.02:
        raise Wrong(f"{x.shape}, as loud as {np.sqrt((wave_**2).mean()):.3f}")
