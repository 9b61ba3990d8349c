"""Judges of flows and generators: densities that must integrate to 1, samples that must be new."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from . import training_data as data
from .judges import finite
from .tasks import Task, Wrong
from .trainings import _below, _seconds, _seed, normal

LATENT = 8


@dataclass(frozen=True)
class PlaneFlow:
    """A flow on two moons: its density must integrate to 1, be that of its own inverse, and fit."""

    most: float = 1.9
    trains: ClassVar[bool] = True

    def judge(self, ask: Any, task: Task, case: Any, full: bool) -> None:
        """train(x, seed), forward(model, x) -> (z, log_det), inverse(model, z) -> x."""
        train, held = (moons(case, n) for n in (5_000, 2_000))
        fit, forward, inverse = task.calls
        model = ask.keep(fit, train, _seed(case), seconds=_seconds(full))
        side = 4.0
        even = case.uniform(-side, side, (60_000, 2)).astype("float32")
        asked = np.concatenate([held, even])
        order = case.permutation(len(asked))
        told = ask(forward, model, asked[order], seconds=60.0)
        if not isinstance(told, list) or len(told) != 2:
            raise Wrong(f"{forward} should give two results: z and log |det|")
        z, log_p = np.empty(asked.shape), np.empty(len(asked))
        z[order] = finite(told[0], asked.shape, f"z of {forward}")
        log_p[order] = normal(z[order]) + finite(told[1], (len(asked),), f"log |det| of {forward}")
        total = float(np.exp(log_p[len(held) :].clip(-80, 20)).mean() * (2 * side) ** 2)
        _below(abs(total - 1), 0.08, "the density integrates to 1 but for")
        back = finite(
            ask(inverse, model, z[:500].astype("float32")), (500, 2), f"what {inverse} gives"
        )
        _below(
            float(np.abs(back - asked[:500]).max()),
            1e-2,
            f"{inverse} after {forward} is off by what",
        )
        _below(float(-log_p[: len(held)].mean()), self.most, "nats on held-out points")


def moons(draw: np.random.Generator, n: int) -> np.ndarray:
    """Two moons of scale about 1, float32 (n, 2)."""
    angle, upper = draw.uniform(0, np.pi, n), draw.integers(0, 2, n) * 2 - 1
    x = np.stack([np.cos(angle) * upper - upper / 2, np.sin(angle) * upper - upper / 4], 1)
    return (x + 0.1 * draw.standard_normal((n, 2))).astype("float32")


def generated(ask: Any, name: str, model: Any, draw: Any, n: int, shape: tuple) -> np.ndarray:
    """Samples for noise that the judge draws. Raises Wrong where they are no smooth function of it.

    Data that are handed back jump from one to the next as the noise moves.
    """
    z = draw.standard_normal((n, LATENT)).astype("float32")
    near = z[:200] + 1e-3 * draw.standard_normal((200, LATENT)).astype("float32")
    told = ask(name, model, np.concatenate([z, near]), seconds=60.0)
    x = finite(told, (n + 200, *shape), f"what {name} gives").reshape(n + 200, -1)
    moved = np.linalg.norm(x[n:] - x[:200], axis=1)
    spread = np.linalg.norm(x[:n] - x[:n].mean(0), axis=1).mean()
    if np.median(moved) > 0.1 * spread or spread == 0:
        raise Wrong(f"{name} is no smooth function of the noise that it is given")
    return x[:n]


@dataclass(frozen=True)
class LineGAN:
    """A GAN on a line whose non-saturating generator must learn two bumps.

    most: the distance W1 between samples and held-out data.
    """

    most: float = 0.25
    trains: ClassVar[bool] = True

    def judge(self, ask: Any, task: Task, case: Any, full: bool) -> None:
        """train(x, seed), generate(model, z)."""
        x = (case.choice([-1.0, 1.0], 8_000) * 1.5 + 0.4 * case.standard_normal(8_000))[:, None]
        model = ask.keep(
            task.calls[0], x[:4_000].astype("float32"), _seed(case), seconds=_seconds(full)
        )
        samples = generated(ask, task.calls[1], model, case, 4_000, (1,))
        distance = np.abs(np.sort(samples[:, 0]) - np.sort(x[4_000:, 0])).mean()
        _below(float(distance), self.most, "W1 between samples and held-out data")


@dataclass(frozen=True)
class RingGAN:
    """WGANs on eight Gaussians, by clipping and by a penalty. most: energy distances of the two."""

    clip: float = 0.15
    penalty: float = 0.05
    trains: ClassVar[bool] = True

    def judge(self, ask: Any, task: Task, case: Any, full: bool) -> None:
        """train(x, how, seed) with how "clip" or "penalty", generate(model, z)."""
        x = data.ring(case, 6_000)
        for how, most in (("clip", self.clip), ("penalty", self.penalty)):
            model = ask.keep(task.calls[0], x[:4_000], how, _seed(case), seconds=_seconds(full))
            samples = generated(ask, task.calls[1], model, case, 2_000, (2,))
            distance = energy_distance(samples, x[4_000:])
            _below(distance, most, f"{how}: the energy distance between samples and held-out data")


def energy_distance(x: np.ndarray, y: np.ndarray) -> float:
    """2 E|X - Y| - E|X - X'| - E|Y - Y'|."""
    from scipy.spatial.distance import cdist

    def within(a: np.ndarray) -> float:
        return float(cdist(a, a).sum() / (len(a) * (len(a) - 1)))

    return float(2 * cdist(x, y).mean() - within(x) - within(y))


@dataclass(frozen=True)
class ColourGAN:
    """A WGAN-GP on colour images. most: Frechet distance over that of a mean image with noise, in
    the held-out data's first 16 principal components.
    """

    cpu: float = 0.35
    full: float = 0.35
    trains: ClassVar[bool] = True

    def judge(self, ask: Any, task: Task, case: Any, full: bool) -> None:
        """train(x, seed), generate(model, z)."""
        train, held = data.colours(case, full)
        model = ask.keep(task.calls[0], train, _seed(case), seconds=_seconds(full))
        samples = generated(ask, task.calls[1], model, case, 1_000, train.shape[1:])
        flat = held.reshape(len(held), -1)
        centre = flat.mean(0)
        directions = np.linalg.svd(flat - centre, full_matrices=False)[2][:16].T
        real, fake = (flat - centre) @ directions, (samples - centre) @ directions
        worst = frechet(real, 1e-3 * case.standard_normal(real.shape))
        told = "Frechet distance, as a part of that of the mean image"
        _below(frechet(real, fake) / worst, self.full if full else self.cpu, told)


def frechet(x: np.ndarray, y: np.ndarray) -> float:
    """|m - n|^2 + tr(S + T - 2 (S T)^(1/2)) of two samples."""
    s, t = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    roots = np.sqrt(np.linalg.eigvals(s @ t).real.clip(0))
    return float(((x.mean(0) - y.mean(0)) ** 2).sum() + np.trace(s + t) - 2 * roots.sum())
