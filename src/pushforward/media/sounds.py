"""Sounds: samples of mu-law values, one after the other, in one WAV file."""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from ..core.spaces import Tokens, count
from ..data.companding import mu_law_inverse
from ..data.waves import wave_file
from .medium import Medium, attribute, embedded

PAUSE = 0.2  # seconds of silence after each sample
HOUR = 3_600  # seconds in a file, at most


@dataclass(frozen=True)
class Sound:
    """A wave (length,) in [-1, 1] that a notebook plays."""

    wave: Tensor
    rate: int

    def _repr_html_(self, described: str = "sound") -> str:
        buffer = io.BytesIO()
        with wave_file(buffer, self.rate) as append:
            append(self.wave)
        source = embedded(buffer.getvalue(), "audio/wav")
        return f'<audio controls aria-label="{attribute(described)}" src="{source}"></audio>'


class Sounds(Medium):
    """Tokens (n, length) that are mu-law values, `rate` of them in a second."""

    noun, suffixes = "sounds", (".wav",)

    def __init__(self, space: Tokens, rate: int):
        self.space, self.rate = space, count("rate", rate)

    @property
    def most(self) -> int:
        """As many as last an hour."""
        return max(1, HOUR * self.rate // (self.space.length + self._pause))

    @property
    def _pause(self) -> int:
        return round(PAUSE * self.rate)

    def show(self, samples: Tensor) -> Sound:
        """The samples one after the other, with pauses, as one wave."""
        return Sound(self._wave(samples[: self.most]), self.rate)

    def html(self, samples: Tensor, described: str) -> str:
        """An <audio> that carries the wave."""
        return self.show(samples)._repr_html_(described)

    def write(self, batches: Iterable[Tensor], path: Path) -> int:
        """Writes the wave, batch by batch."""
        written = 0
        with wave_file(path, self.rate) as append:
            for batch in batches:
                heard = batch[: max(0, self.most - written)]
                append(self._wave(heard))
                written += len(heard)
        return written

    def _wave(self, samples: Tensor) -> Tensor:
        waves = mu_law_inverse(samples.cpu(), self.space.vocabulary)
        return F.pad(waves, (0, self._pause)).flatten().to(torch.float32)
