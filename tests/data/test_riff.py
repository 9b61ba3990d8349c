"""Sound files of all kinds, written by other programs: scipy, soundfile, and by hand."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.io import wavfile

import pushforward as pf
from pushforward.data import find, read_wav
from pushforward.data.riff import OTHERS, REST, samples_of

RATE = 16_000
TONE = 0.5 * np.sin(2 * np.pi * 440 * np.arange(RATE // 2) / RATE)


def riff(
    raw: bytes, kind: int, bits: int, channels: int = 1, extra: bytes = b"", size: int | None = None
) -> bytes:
    """A WAV file by hand; `size` is what it says of its sound, where that is not the truth."""
    align = channels * -(-bits // 8)
    head = struct.pack("<HHIIHH", kind, channels, RATE, RATE * align, align, bits) + extra
    inside = b"WAVEfmt " + struct.pack("<I", len(head)) + head
    inside += b"data" + struct.pack("<I", len(raw) if size is None else size) + raw
    return b"RIFF" + struct.pack("<I", len(inside)) + inside


def extensible(kind: int, bits: int) -> bytes:
    return struct.pack("<HHIH", 22, bits, 0, kind) + REST


@pytest.mark.parametrize("dtype", ["u1", "i2", "i4", "f4", "f8"])
def test_what_scipy_writes(dtype: str, tmp_path: Path) -> None:
    file = tmp_path / "TONE.WAV"
    kind = np.dtype(dtype)
    scale = {"u": 127, "i": np.iinfo(kind).max if kind.kind == "i" else 0, "f": 1}[kind.kind]
    wavfile.write(file, RATE, (TONE * scale + 128 * (kind.kind == "u")).astype(kind))
    x, rate = samples_of(file)
    assert rate == RATE
    step = {"u1": 2 / 127, "i2": 2**-14, "i4": 1e-6, "f4": 1e-7, "f8": 0.0}[dtype]
    assert np.abs(x[:, 0] - TONE).max() <= step


@pytest.mark.parametrize("kind", [1, 3])
@pytest.mark.parametrize("wide", [False, True])
def test_24_bits_and_the_extensible_form(kind: int, wide: bool, tmp_path: Path) -> None:
    bits = 24 if kind == 1 else 32
    whole = (TONE * (2**23 - 1)).round().astype("<i4")
    raw = (
        whole.view(np.uint8).reshape(-1, 4)[:, :3].tobytes()
        if kind == 1
        else TONE.astype("<f4").tobytes()
    )
    written = (
        riff(raw, 0xFFFE, bits, extra=extensible(kind, bits)) if wide else riff(raw, kind, bits)
    )
    (tmp_path / "a.wav").write_bytes(written)
    x, _ = samples_of(tmp_path / "a.wav")
    assert np.abs(x[:, 0] - TONE).max() < 1e-6


def test_20_bits_in_24() -> None:
    """Values stand in the upper bits: a container of 24 is read as one of 24."""
    from pushforward.data.riff import _form

    said = struct.pack("<HHIIHH", 1, 2, RATE, RATE * 6, 6, 20)
    assert _form(Path("a.wav"), said).width == 3


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (riff(b"\0" * 100, 1, 16)[:-1], r"is cut short: it says that it holds 100 bytes .* 99"),
        (riff(b"\0" * 100, 1, 16, size=4_000), r"says that it holds 4,000 bytes .* 100"),
        (riff(b"\0" * 101, 1, 16), "its last sample is not whole"),
        (riff(b"", 1, 16), "holds no sound: it is empty"),
        (riff(b"\0" * 100, 1, 16)[:30], "is cut short|holds no sound"),
        (riff(b"\0" * 100, 1, 40), "whole numbers of 40 bits as samples"),
        (riff(b"\0" * 100, 3, 16), "floats of 16 bits as samples"),
        (riff(b"\0" * 100, 1, 16, channels=0), "is damaged: it says that it has 0 channels"),
        (riff(np.float32([0, np.nan]).tobytes(), 3, 32), r"holds \[nan\] as sample 1"),
        (b"", "is no WAV file"),
        (b"OggS" * 20, "is no WAV file: it begins with"),
    ],
)
def test_what_is_cut_or_damaged_is_refused(content: bytes, said: str, tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(content)
    with pytest.raises(ValueError, match=said):
        read_wav(tmp_path / "a.wav", RATE)


def test_a_stream_that_did_not_know_its_end(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(riff(b"\1\0" * 50, 1, 16, size=0xFFFFFFFF))
    assert read_wav(tmp_path / "a.wav", RATE).shape == (50,)


@pytest.mark.parametrize("ending", [".flac", ".ogg", ".aiff", ".au", ".FLAC"])
def test_other_formats_by_soundfile(ending: str, tmp_path: Path) -> None:
    soundfile = pytest.importorskip("soundfile")
    file = tmp_path / f"a{ending}"
    soundfile.write(file, TONE, RATE)
    found = read_wav(file, RATE).numpy()
    assert len(found) == len(TONE)
    assert np.abs(found - TONE).max() < (0.05 if ending == ".ogg" else 1e-4)
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 3])
    with pytest.raises(ValueError, match=r"is cut short|cannot be read"):
        read_wav(file, RATE)


def test_mu_law_files_by_soundfile(tmp_path: Path) -> None:
    soundfile = pytest.importorskip("soundfile")
    soundfile.write(tmp_path / "a.wav", TONE, RATE, subtype="ULAW")
    assert np.abs(read_wav(tmp_path / "a.wav", RATE).numpy() - TONE).max() < 0.02


def test_without_soundfile_the_extra_is_named(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "soundfile", None)
    (tmp_path / "a.flac").write_bytes(b"fLaC")
    with pytest.raises(ValueError, match=r"pip install .pushforward\[audio\]. reads WAV of all"):
        read_wav(tmp_path / "a.flac")
    (tmp_path / "a.wav").write_bytes(riff(b"\0" * 100, 6, 8))
    with pytest.raises(ValueError, match="its samples are A-law"):
        read_wav(tmp_path / "a.wav")


def test_a_folder_of_sounds_in_any_letters_and_through_links(tmp_path: Path) -> None:
    top, other = tmp_path / "sounds", tmp_path / "other"
    (top / "deep").mkdir(parents=True)
    other.mkdir()
    pf.data.write_wav(top / "a.WAV", torch.from_numpy(TONE).float(), RATE)
    pf.data.write_wav(top / "deep" / "b.Wav", torch.from_numpy(-TONE).float(), RATE)
    pf.data.write_wav(other / "c.wave", torch.from_numpy(0.5 * TONE).float(), RATE)
    (top / "link").symlink_to(other)
    (top / "notes.txt").write_text("no sound")
    data = find(f"sound:{top}?length=100")
    assert data.origin["files"] == 3
    pieces = sum(len(getattr(data, part)) for part in ("train", "validation", "test"))
    assert pieces == 3 * (len(TONE) // 100)
    assert find(data.origin["spec"]).describe() == data.describe()
    assert find(f"{top}/a.WAV?length=100").space == pf.Tokens(100, 256)
    assert all(ending == ending.lower() for ending in OTHERS)
