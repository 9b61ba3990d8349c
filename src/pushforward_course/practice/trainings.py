"""Judges of what was trained. They never believe a number: they compute it from what the model says
about data that it has not seen, so that no answer can be better than its model.

A model stays in the submission's process. Where an encoder sees held-out data, the decoder is asked
in another process (`twin`), which was parted before: nothing can pass from one to the other but
the latents that the judge draws.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from . import training_data as data
from .judges import finite
from .tasks import Task, Wrong

LOG_2PI = float(np.log(2 * np.pi))


def _seconds(full: bool) -> float:
    """What a training may take."""
    return 7_200.0 if full else 300.0


def _seed(draw: np.random.Generator) -> int:
    return int(draw.integers(2**31))


def _below(value: float, most: float, what: str) -> None:
    if not value < most:
        raise Wrong(f"{what} is {value:.3f}, and must be below {most:g}")


@dataclass(frozen=True)
class Table:
    """A table of log-probabilities (levels, levels) of two variables, learned from samples.

    cpu, full: nats a dimension on held-out pairs; the picture's own entropy is 0.15 below.
    """

    cpu: float = 2.95
    full: float = 4.0
    trains: ClassVar[bool] = True

    def judge(self, ask: Any, task: Task, case: Any, full: bool) -> None:
        """train(pairs, levels, seed) gives the table."""
        levels, most = (200, self.full) if full else (32, self.cpu)
        mass = data.picture(case, levels, 2 * (most - 0.15))
        pairs = np.stack(
            np.unravel_index(case.choice(mass.size, 20_000, p=mass.ravel()), mass.shape), 1
        )
        told = ask(task.calls[0], pairs, levels, _seed(case), seconds=_seconds(full))
        table = finite(told, (levels, levels), "the table")
        if abs(np.log(np.exp(table).sum())) > 1e-3:
            raise Wrong(f"the table's probabilities add up to {np.exp(table).sum():.4f}, not to 1")
        _below(float(-(mass * table).sum() / 2), most, "nats a dimension on held-out pairs")


@dataclass(frozen=True)
class NextPixel:
    """An autoregressive model of black and white images, in raster order.

    The judge asks for the logit of a pixel with that pixel, and all after it, replaced by chance: a
    model that looks ahead sees noise.
    """

    cpu: float = 0.45
    full: float = 0.16
    trains: ClassVar[bool] = True

    def judge(self, ask: Any, task: Task, case: Any, full: bool) -> None:
        """train(x, seed) gives a model; logits(model, x) those of each pixel being 1."""
        train, held = data.strokes(case, full)
        model = ask.keep(task.calls[0], train, _seed(case), seconds=_seconds(full))
        nats = probed(case, train, held, lambda x: ask(task.calls[1], model, x, seconds=60.0))
        _below(nats, self.full if full else self.cpu, "nats a pixel on held-out images")


ROUNDS = 12


def probed(draw: np.random.Generator, train: np.ndarray, held: np.ndarray, ask: Any) -> float:
    """Mean -log p of held-out pixels given those before them, at `ROUNDS` pixels of each image.

    In each round an image is shown up to a pixel that lies further on than the round before, and
    what follows is a training image's: nothing shown ever tells a pixel that is still to be asked.
    """
    flat, rows = held.reshape(len(held), -1), np.arange(len(held))
    cuts = np.sort(draw.integers(0, flat.shape[1], (len(flat), ROUNDS)), 1)
    nats = 0.0
    for cut in cuts.T:
        others = train[draw.integers(0, len(train), len(flat))].reshape(flat.shape)
        after = others ^ (draw.uniform(size=flat.shape) < 0.1)
        shown = np.where(np.arange(flat.shape[1]) >= cut[:, None], after, flat).astype("uint8")
        told = finite(ask(shown.reshape(held.shape)), held.shape, "what the logits' function gives")
        nats += float(bernoulli(told.reshape(flat.shape)[rows, cut], flat[rows, cut]).mean())
    return nats / ROUNDS


def bernoulli(logits: np.ndarray, x: np.ndarray) -> np.ndarray:
    """-log p(x) of pixels from their logits."""
    return np.logaddexp(0, np.where(x > 0, -logits, logits))


@dataclass(frozen=True)
class Autoencoder:
    """What all VAEs are asked: an encoder and, in another process, the decoder and the prior."""

    trains: ClassVar[bool] = True

    def _posterior(self, ask: Any, name: str, model: Any, x: np.ndarray) -> Any:
        told = ask(name, model, x, seconds=60.0)
        if not isinstance(told, list) or len(told) != 2:
            raise Wrong(f"{name} should give two results: means and log standard deviations")
        mean, log_std = (finite(part, (len(x), None), f"what {name} gives") for part in told)
        if mean.shape != log_std.shape:
            raise Wrong(
                f"{name} gives means {mean.shape} and log standard deviations {log_std.shape}"
            )
        return mean, log_std.clip(-15, 15)


def normal(x: np.ndarray, mean: Any = 0.0, log_std: Any = 0.0) -> np.ndarray:
    """log N(x; mean, exp(log_std)), summed over all but the first axis."""
    each = -0.5 * ((x - mean) / np.exp(log_std)) ** 2 - log_std - LOG_2PI / 2
    return each.reshape(len(x), -1).sum(1)


def rate(mean: np.ndarray, log_std: np.ndarray) -> float:
    """KL(q || N(0, 1)), the mean over data."""
    return float((0.5 * (mean**2 + np.exp(2 * log_std) - 1) - log_std).sum(1).mean())


@dataclass(frozen=True)
class PlaneVAE(Autoencoder):
    """VAEs of two Gaussians on the plane: of one the code must collapse, of the other it must not.

    gap: nats by which the bound may fall short of the true log-likelihood.
    """

    gap: float = 0.12

    def judge(self, ask: Any, task: Task, case: Any, full: bool) -> None:
        """train(x, seed), encode(model, x), decode(model, z): both give means and log stds."""
        for correlation in (0.0, 0.9):
            cov = np.array([[1.0, correlation], [correlation, 1.0]])
            x = (case.standard_normal((7_000, 2)) @ np.linalg.cholesky(cov).T).astype("float32")
            bound, used = self._bound(ask, task, case, x[:5_000], x[5_000:])
            true = -0.5 * (2 * LOG_2PI + np.log(np.linalg.det(cov)) + 2)
            what = f"correlation {correlation:g}: the bound's distance from the log-likelihood"
            _below(true - bound, self.gap, what)
            if (used > 0.2) != (correlation > 0):
                wanted = "above 0.2" if correlation else "0"
                raise Wrong(
                    f"correlation {correlation:g}: KL is {used:.3f}, and should be {wanted}"
                )

    def _bound(self, ask: Any, task: Task, draw: Any, train: Any, held: Any) -> tuple[float, float]:
        fit, encode, decode = task.calls
        model = ask.keep(fit, train, _seed(draw), seconds=_seconds(False))
        twin = ask.twin(model)
        mean, log_std = self._posterior(ask, encode, model, held)
        z = mean + np.exp(log_std) * draw.standard_normal(mean.shape)
        told = twin(decode, model, z.astype("float32"), seconds=60.0)
        if not isinstance(told, list) or len(told) != 2:
            raise Wrong(f"{decode} should give two results: means and log standard deviations")
        x_mean, x_log_std = (finite(part, held.shape, f"what {decode} gives") for part in told)
        used = rate(mean, log_std)
        return float(normal(held, x_mean, x_log_std).mean() - used), used


@dataclass(frozen=True)
class ColourVAE(Autoencoder):
    """A VAE of colour images whose decoder has unit variance: squared error / 2 + KL, in nats.

    With `flow_prior`, log p(z) comes from prior(model, z) -> (noise, log_det), whose log_det the
    judge compares with finite differences.
    """

    cpu: float = 40.0
    full: float = 400.0
    flow_prior: bool = False

    def judge(self, ask: Any, task: Task, case: Any, full: bool) -> None:
        """train(x, seed), encode(model, x), decode(model, z), and prior(model, z)."""
        train, held = data.colours(case, full)
        model = ask.keep(task.calls[0], train, _seed(case), seconds=_seconds(full))
        twin = ask.twin(model)
        mean, log_std = self._posterior(ask, task.calls[1], model, held)
        z = (mean + np.exp(log_std) * case.standard_normal(mean.shape)).astype("float32")
        told = twin(task.calls[2], model, z, seconds=60.0)
        image = finite(told, held.shape, f"what {task.calls[2]} gives")
        error = 0.5 * ((held - image) ** 2).reshape(len(held), -1).sum(1).mean()
        if self.flow_prior:
            log_p = self._prior(twin, task.calls[3], model, z, case)
            used = float((normal(z, mean, log_std) - log_p).mean())
        else:
            used = rate(mean, log_std)
        most = self.full if full else self.cpu
        _below(float(error + used), most, f"squared error / 2 ({error:.1f}) + KL ({used:.1f})")

    def _prior(self, twin: Any, name: str, model: Any, z: np.ndarray, draw: Any) -> np.ndarray:
        """log p(z) by the flow, after a look at whether its log-determinants are true."""
        step, (_, d) = 1e-2, z.shape
        near = z[:4]
        moves = np.concatenate(
            [near[:, None] + step * np.eye(d), near[:, None] - step * np.eye(d)], 1
        )
        asked = np.concatenate([z, moves.reshape(-1, d)]).astype("float32")
        order = draw.permutation(len(asked))
        told = twin(name, model, asked[order], seconds=60.0)
        if not isinstance(told, list) or len(told) != 2:
            raise Wrong(f"{name} should give two results: the noise and log |det|")
        noise, log_det = np.empty(asked.shape), np.empty(len(asked))
        noise[order] = finite(told[0], asked.shape, f"the noise of {name}")
        log_det[order] = finite(told[1], (len(asked),), f"log |det| of {name}")
        moved = noise[len(z) :].reshape(len(near), 2, d, d)
        jacobians = (moved[:, 0] - moved[:, 1]) / (2 * step)
        differing = np.abs(np.linalg.slogdet(jacobians)[1] - log_det[: len(near)]).max()
        _below(
            float(differing),
            0.1,
            f"log |det| of {name} is not that of its Jacobian: the difference",
        )
        return normal(noise[: len(z)]) + log_det[: len(z)]


@dataclass(frozen=True)
class PixelVAE(Autoencoder):
    """A VAE whose decoder is autoregressive over black and white pixels, kept from collapsing.

    least: nats of KL that free bits must keep. cpu, full: the bound, in nats a pixel.
    """

    cpu: float = 0.5
    full: float = 0.2
    least: float = 2.0

    def judge(self, ask: Any, task: Task, case: Any, full: bool) -> None:
        """train(x, seed), encode(model, x), logits(model, z, x)."""
        train, held = data.strokes(case, full)
        model = ask.keep(task.calls[0], train, _seed(case), seconds=_seconds(full))
        twin = ask.twin(model)
        mean, log_std = self._posterior(ask, task.calls[1], model, held)
        used = rate(mean, log_std)
        if used < self.least:
            raise Wrong(f"KL is {used:.2f} nats, and free bits should keep {self.least:g}")
        z = (mean + np.exp(log_std) * case.standard_normal(mean.shape)).astype("float32")
        nats = probed(case, train, held, lambda x: twin(task.calls[2], model, z, x, seconds=60.0))
        bound = nats + used / held[0].size
        _below(
            bound, self.full if full else self.cpu, "the bound in nats a pixel on held-out images"
        )
