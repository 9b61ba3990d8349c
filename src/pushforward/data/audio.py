"""Sounds that are made here: tones, chirps and spoken vowels, as mu-law values.

Each is Tokens(length, levels), independent draws, the first 80% to train, then 10% and 10%. With
`labels`, the second tensor (int64) is the kind of sound. `rate` is in samples per second.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.random import RandomState

from ..core.dataset import Dataset
from ..core.spaces import Tokens, count
from .companding import mu_law
from .specs import findable
from .splits import cut, sizes

NOTES = {"C4": 261.63, "D4": 293.66, "E4": 329.63, "F4": 349.23, "G4": 392.0, "A4": 440.0}
# Formants in Hz of vowels spoken by men (Peterson & Barney, 1952, table II).
VOWELS = {
    "a": (730, 1090, 2440),
    "e": (530, 1840, 2480),
    "i": (270, 2290, 3010),
    "o": (570, 840, 2410),
    "u": (300, 870, 2240),
}
BANDWIDTHS = (60, 90, 150)  # of the formants, Hz


@findable("tones")
def tones(
    n: int = 2_000,
    length: int = 1_024,
    rate: int = 8_000,
    levels: int = 256,
    labels: bool = False,
    seed: int = 0,
) -> Dataset:
    """Notes from C4 to A4 with three overtones of random loudness and phase; y is the note."""

    def wave(kind: int, t: np.ndarray, rng: RandomState) -> np.ndarray:
        pitch = list(NOTES.values())[kind]
        parts = [
            rng.rand() / k * np.sin(2 * np.pi * (k * pitch * t + rng.rand())) for k in range(2, 5)
        ]
        return np.sin(2 * np.pi * (pitch * t + rng.rand())) + sum(parts)

    return _made("tones", wave, tuple(NOTES), n, length, rate, levels, labels, seed)


@findable("chirps")
def chirps(
    n: int = 2_000,
    length: int = 1_024,
    rate: int = 8_000,
    levels: int = 256,
    labels: bool = False,
    seed: int = 0,
) -> Dataset:
    """Sines whose pitch glides by an octave or two from 150 .. 600 Hz; y is down or up."""

    def wave(kind: int, t: np.ndarray, rng: RandomState) -> np.ndarray:
        low, octaves = 150 * 4 ** rng.rand(), 1 + rng.rand()
        share = t / t[-1]
        pitch = low * 2 ** (octaves * (share if kind else 1 - share))
        return np.sin(2 * np.pi * (np.cumsum(pitch) / rate + rng.rand()))

    return _made("chirps", wave, ("down", "up"), n, length, rate, levels, labels, seed)


@findable("vowels")
def vowels(
    n: int = 2_000,
    length: int = 1_024,
    rate: int = 8_000,
    levels: int = 256,
    labels: bool = False,
    seed: int = 0,
) -> Dataset:
    """Vowels by formant synthesis: a pulse train at 90 .. 180 Hz through three resonators.

    The pitch drifts, the formants vary by 5% from voice to voice; y is the vowel.
    """

    def wave(kind: int, t: np.ndarray, rng: RandomState) -> np.ndarray:
        pitch = 90 * 2 ** rng.rand() * (1 + 0.05 * np.sin(2 * np.pi * (3 * t + rng.rand())))
        turns = np.cumsum(pitch) / rate + rng.rand()
        pulses = np.diff(np.floor(turns), prepend=np.floor(turns[0])) + 0.01 * rng.randn(len(t))
        for formant, bandwidth in zip(list(VOWELS.values())[kind], BANDWIDTHS):
            pulses = _resonated(pulses, formant * (1 + 0.05 * rng.randn()), bandwidth, rate)
        return pulses

    return _made("vowels", wave, tuple(VOWELS), n, length, rate, levels, labels, seed)


def _resonated(x: np.ndarray, pitch: float, bandwidth: float, rate: int) -> np.ndarray:
    """Through a resonator with two poles at `pitch`, as a product of spectra."""
    radius, angle = np.exp(-np.pi * bandwidth / rate), 2 * np.pi * pitch / rate
    size = 2 * len(x)  # so that the end does not ring into the beginning
    z = np.exp(-2j * np.pi * np.arange(size // 2 + 1) / size)
    response = 1 / (1 - 2 * radius * np.cos(angle) * z + radius**2 * z**2)
    return np.fft.irfft(np.fft.rfft(x, size) * response, size)[: len(x)]


def _made(
    name: str,
    wave: Callable[[int, np.ndarray, RandomState], np.ndarray],
    classes: tuple[str, ...],
    n: int,
    length: int,
    rate: int,
    levels: int,
    labels: bool,
    seed: int,
) -> Dataset:
    """`n` waves of random kinds, as loud as 0.1 .. 0.9, with a little noise."""
    rng, t = RandomState(seed), np.arange(count("length", length, 2)) / count("rate", rate)
    kinds = rng.randint(len(classes), size=count("n", n, 3))
    made = np.stack([wave(kind, t, rng) for kind in kinds])
    made *= (0.1 + 0.8 * rng.rand(n, 1)) / np.abs(made).max(1, keepdims=True)
    made += 0.002 * rng.randn(n, length)
    x = mu_law(torch.from_numpy(made), levels)
    tensors = (x, torch.from_numpy(kinds).long()) if labels else (x,)
    origin = {"source": "formula", "rate": rate, "seed": seed, "split": "80 : 10 : 10 in order"}
    train, validation, test = cut(tensors, sizes(name, n))
    named = classes if labels else ()
    return Dataset(name, Tokens(length, levels), train, validation, test, origin, named)
