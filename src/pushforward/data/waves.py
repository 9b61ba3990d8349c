"""Sounds: read at any rate, written as WAV, and a file or folder of them as a data set."""

from __future__ import annotations

import warnings
import wave
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from torch import Tensor

from ..core.dataset import Dataset
from ..core.spaces import Tokens, count
from .companding import mu_law
from .folders import files_under
from .riff import OTHERS, samples_of
from .specs import SOURCES, findable
from .splits import CONTENT, IN_ORDER, Rule, cut, digest_of, digests, numbered, rows

TOGETHER, LEAST_BLOCKS = 16, 30  # pieces in a block, and blocks that sounds are split into
STRETCH = 100  # times that a sound may become longer when it is resampled


def read_wav(path: str | Path, rate: int = 16_000) -> Tensor:
    """A sound as float32 (length,) in [-1, 1], of one channel and `rate` samples per second.

    WAV files of whole numbers and floats of any width are read here, others (FLAC, OGG, MP3, ...)
    where `soundfile` is installed, the extra "audio". Several channels are averaged and another
    rate is resampled, with a warning that says so. Raises FileNotFoundError where there is no such
    file, ValueError naming a file that is none, or is cut short.
    """
    file = Path(path).expanduser()
    if not file.is_file():
        raise FileNotFoundError(f"there is no sound file {file}")
    x, given = samples_of(file)
    if given * STRETCH < count("rate", rate):
        raise ValueError(f"{file} has {given} samples a second, {rate} are wanted: resample it")
    if x.shape[1] > 1:
        warnings.warn(f"{file.name}: {x.shape[1]} channels were mixed to one", stacklevel=2)
    if given != rate:
        warnings.warn(f"{file.name}: resampled from {given} Hz to {rate} Hz", stacklevel=2)
    return torch.from_numpy(resampled(x.mean(1), given, rate).astype(np.float32).clip(-1, 1))


def write_wav(path: str | Path, sound: Tensor, rate: int = 16_000) -> Path:
    """Writes a wave (length,) in [-1, 1] (clipped) as 16 bits; returns the path.

    Raises ValueError for another shape or type: values of mu-law go through `mu_law_inverse` first.
    """
    _frames(sound)  # before there is a file
    with wave_file(path, rate) as append:
        append(sound)
    return Path(path)


@contextmanager
def wave_file(
    target: str | Path | BinaryIO, rate: int = 16_000
) -> Iterator[Callable[[Tensor], None]]:
    """A WAV file to which waves are appended one by one, each as `write_wav` takes it."""
    with wave.open(str(target) if isinstance(target, str | Path) else target, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(count("rate", rate))
        yield lambda sound: file.writeframes(_frames(sound))


def _frames(sound: Tensor) -> bytes:
    if sound.dim() != 1 or not sound.is_floating_point():
        raise ValueError(f"a wave must be floats (length,), not {tuple(sound.shape)} {sound.dtype}")
    numbers = (sound.detach().cpu().double().clamp(-1, 1) * 32767).round().numpy()
    return numbers.astype("<i2").tobytes()


@findable("wav", place="PATH")
def wav(
    path: str | Path,
    length: int = 4_096,
    rate: int = 16_000,
    levels: int = 256,
    validation: float = 0.1,
    test: float = 0.1,
    seed: int = 0,
    rule: str = CONTENT,
) -> Dataset:
    """A sound, or all in a folder and its sub-folders, cut into pieces: Tokens(length, levels).

    Files are those whose names end in .wav, or as soundfile's formats do, in letters of any case.
    They are sorted by name and each is cut without overlap, its remainder left out. Pieces are
    split by `rule` under `seed`; up to 16 that follow one another stay together. Raises ValueError
    where there are too few pieces, or a file cannot be read (it is named); FileNotFoundError where
    there is nothing.
    """
    top = Path(path).expanduser()
    files = _sounds(top) if top.is_dir() else [top]
    if not files:
        raise FileNotFoundError(f"the folder {top} holds no .wav file, nor another sound")
    pieces = [
        _pieces(mu_law(read_wav(file, rate), levels), count("length", length)) for file in files
    ]
    x, split = torch.cat(pieces), Rule(rule, seed, validation, test)
    if len(x) < 3:
        raise ValueError(f"{top} gives {len(x)} pieces of {length} samples: take a smaller length")
    known = digests(rows(x.numpy()))
    blocks = _together(known, [len(piece) for piece in pieces])
    order, lengths = split.order(blocks), split.lengths(str(top), blocks)
    train, held, last = cut([x[torch.from_numpy(order)]], lengths)
    origin = {"source": f"WAV files of {top.name}", "files": len(files), "rate": rate}
    if rule != IN_ORDER:  # which older versions did not record
        origin |= split.record(numbered(known)[order], lengths)
    return Dataset(top.stem, Tokens(length, levels), train, held, last, origin)


SOURCES["sound"] = SOURCES["wav"]


def _sounds(top: Path) -> list[Path]:
    """The sound files under a folder, those that links lead to among them, by name."""
    return sorted(p for p in files_under(top) if p.suffix.lower() in (".wav", ".wave", *OTHERS))


def _together(known: np.ndarray, lengths: list[int]) -> np.ndarray:
    """Digests (n, DIGEST) by which pieces of a sound that follow one another are split together.

    A piece is much like the next, and says little where that was trained on.
    """
    most = TOGETHER
    while most > 1 and sum(-(-n // most) for n in lengths) < LEAST_BLOCKS:
        most //= 2
    found = known.copy()
    for begin, n in zip(np.cumsum([0, *lengths]), lengths):
        for start in range(begin, begin + n, most):
            stop = min(start + most, begin + n)
            found[start:stop] = np.frombuffer(digest_of(known[start:stop].tobytes()), np.uint8)
    return found


def resampled(x: np.ndarray, given: int, wanted: int) -> np.ndarray:
    """`x` at another rate, by its spectrum: what the new rate cannot hold is left out."""
    n = max(1, round(len(x) * wanted / given))
    if n == len(x):
        return x
    spectrum = np.fft.rfft(x)[: n // 2 + 1]
    if n % 2 == 0 and n < len(x):
        spectrum[-1] = 2 * spectrum[-1].real  # the new rate's highest pitch stands for two
    if len(x) % 2 == 0 and n > len(x):
        spectrum[-1] /= 2  # the old rate's did
    return np.fft.irfft(spectrum, n) * (n / len(x))


def _pieces(values: Tensor, length: int) -> Tensor:
    return values[: len(values) // length * length].view(-1, length)
