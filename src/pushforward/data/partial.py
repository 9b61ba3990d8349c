"""Data that are known in part, from a file: what a model is asked to complete.

An image with transparent pixels (they are what is not known), the beginning of a sound as a WAV
file, or numbers of any space as .npy, where NaN and negative whole numbers are not known.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..core.spaces import Pixels, Reals, Space, Tokens
from .companding import mu_law
from .decoding import opened
from .npy import read_npy
from .numbers import as_tensor
from .waves import read_wav


def read_partial(path: str | Path, space: Space, rate: int = 16_000) -> tuple[Tensor, Tensor]:
    """One datum (1, *shape) of `space`, and which of its numbers are known (1, *shape), bool.

    Unknown numbers are 0. A WAV file is brought to `rate` and mu-law, and cut at the length. Raises
    FileNotFoundError where there is no file, ValueError where it is not of the space or knows all.
    """
    file = Path(path).expanduser()
    if not file.is_file():
        raise FileNotFoundError(f"there is no file {file}")
    suffix = file.suffix.lower()
    if suffix == ".npy":
        values, known = _numbers(file, space)
    elif suffix == ".wav" and isinstance(space, Tokens):
        values, known = _sound(file, space, rate)
    elif isinstance(space, Pixels):
        values, known = _image(file, space)
    else:
        raise ValueError(f"{file} must be .npy{' or .wav' * isinstance(space, Tokens)} for {space}")
    if known.all():
        raise ValueError(
            f"all of {file} is known: make what is to be drawn transparent in an image, negative "
            "or NaN in .npy, or take a shorter sound"
        )
    return space.check(values[None], str(file)), known[None]


def _numbers(file: Path, space: Space) -> tuple[Tensor, Tensor]:
    given = np.asarray(read_npy(file))
    if given.shape != space.shape:
        raise ValueError(f"{file} holds shape {given.shape}, a datum of {space} has {space.shape}")
    known = ~np.isnan(given) if isinstance(space, Reals) else given >= 0
    values = as_tensor(np.where(known, given, 0), str(file))
    if not isinstance(space, Reals) and bool((values != values.floor()).any()):
        raise ValueError(f"{file} holds fractions, but a datum of {space} is whole numbers")
    kind = {Pixels: torch.int64, Tokens: torch.int64}.get(type(space), torch.float32)
    values = values.to(kind)
    if isinstance(space, Pixels) and int(values.max()) < space.levels:
        values = values.to(torch.uint8)
    return values, torch.from_numpy(known)


def _sound(file: Path, space: Tokens, rate: int) -> tuple[Tensor, Tensor]:
    beginning = mu_law(read_wav(file, rate), space.vocabulary)[: space.length]
    values = torch.zeros(space.length, dtype=torch.int64)
    values[: len(beginning)] = beginning
    return values, torch.arange(space.length) < len(beginning)


def _check_size(file: Path, size: tuple[int, int], space: Pixels) -> None:
    if size != (space.width, space.height):
        has = f"{size[0]}x{size[1]} pixels, not {space.width}x{space.height}"
        raise ValueError(f"it has {has}")


def _image(file: Path, space: Pixels) -> tuple[Tensor, Tensor]:
    try:
        with opened(file) as image:
            _check_size(file, image.size, space)
            coloured = np.asarray(image.convert("RGBA"))
            grey = np.asarray(image.convert("RGB").convert("L"))[..., None]
    except Exception as error:  # each of Pillow's readers fails in its own way
        raise ValueError(f"cannot read the image {file}: {error}") from error
    pixels = grey if space.channels == 1 else coloured[..., :3]
    known = torch.from_numpy(coloured[..., 3] > 127).expand(space.shape)
    unit = torch.from_numpy(pixels.astype(np.float32) / 255).permute(2, 0, 1)
    return torch.where(known, space.from_unit(unit), 0).to(torch.uint8), known
