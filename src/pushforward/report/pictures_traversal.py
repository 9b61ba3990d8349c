"""Traversals: one latent moves from low to high, the others stay; what changes is what it says.

Rows are sorted by KL( q(z_j | x) || N(0, 1) ), so that the latents that say most come first: those
that say nothing change nothing. Latents move over the prior's own range.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Distribution

from ..core import checkpoint
from ..core.contract import Generative, Latent, Pushforward
from ..core.dataset import Batch
from ..core.given import repeated
from ..core.spaces import Pixels, count
from .gallery import picture
from .measure import recorded_data
from .pictures import as_rgb, grid, noise

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DRAWS = 256  # from the prior, whose range they show; and of data, whose KL is averaged


@dataclass(frozen=True)
class Traversal:
    """`x` (rows, steps, *space.shape): in row i the latent `dimensions[i]` moves.

    `nats` are the KLs of these latents; empty for a model without an encoder.
    """

    x: Tensor
    dimensions: tuple[int, ...]
    nats: tuple[float, ...]

    def labels(self) -> list[str]:
        """What is written beside the rows."""
        told = [f" {n:.2f} nats" for n in self.nats] or [""] * len(self.dimensions)
        return [f"z{d}{nats}" for d, nats in zip(self.dimensions, told)]


@torch.no_grad()
def traversal(
    model: Generative,
    x: Tensor | None = None,
    rows: int = 10,
    steps: int = 9,
    reach: float = 2.0,
    seed: int = 0,
    conditions: Batch = (),
) -> Traversal:
    """A walk along every latent, at most `rows` of them, in `steps` steps.

    Args:
        model: any `Pushforward`.
        x: data; the walks start from the latents of the first, and KL is a mean over all. None, and
            a model without an encoder, start from a draw from the prior.
        rows, steps: of the picture.
        reach: how far to each side, in standard deviations of the prior.
        seed: of the draws.
        conditions: what the model is told with `x`; the walks are told that of the first.

    Raises:
        ValueError: for a model without latents.
    """
    if not isinstance(model, Pushforward):
        raise ValueError(f"{type(model).__name__} has no latents to walk along")
    training = model.training
    model.eval()
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        first = tuple(c[:1] for c in conditions)
        prior = noise(model, DRAWS, *repeated(first, DRAWS))
        start, nats = _start(model, prior, x, conditions)
        order = range(start.numel()) if nats is None else nats.argsort(descending=True).tolist()
        chosen = tuple(order)[: count("rows", rows)]
        z = _moved(start, prior.flatten(1), chosen, count("steps", steps, 2), reach)
        z = z.flatten(0, 1).unflatten(1, prior.shape[1:])
        out = model.push(z, *repeated(first, len(z)))
    model.train(training)
    told = () if nats is None else tuple(nats[list(chosen)].tolist())
    return Traversal(out.unflatten(0, (len(chosen), steps)), chosen, told)


def _start(
    model: Generative, prior: Tensor, x: Tensor | None, conditions: Batch
) -> tuple[Tensor, Tensor | None]:
    """Where the walks begin (latent,), and the KL of each latent (latent,) if there is one."""
    if not isinstance(model, Latent) or x is None:
        return prior[0].flatten(), None
    mean, variance = moments(model.encode(x, *conditions))
    kl = (mean.square() + variance - 1 - variance.log()) / 2
    return mean[0], kl.mean(0)


def moments(q: Distribution) -> tuple[Tensor, Tensor]:
    """Mean and variance of every latent, (batch, latent) each; of draws where q cannot tell."""
    try:
        mean, variance = q.mean, q.variance
    except NotImplementedError:
        draws = q.sample((32,))
        mean, variance = draws.mean(0), draws.var(0)
    return mean.flatten(1), variance.flatten(1).clamp(min=1e-12)


def _moved(
    start: Tensor, prior: Tensor, chosen: tuple[int, ...], steps: int, reach: float
) -> Tensor:
    """(rows, steps, latent)."""
    way = torch.linspace(-reach, reach, steps, device=prior.device, dtype=prior.dtype)
    z = start.repeat(len(chosen), steps, 1)
    for row, d in enumerate(chosen):
        z[row, :, d] = prior[:, d].mean() + way * prior[:, d].std()
    return z


def film_strip(walked: Traversal, space: Pixels) -> Figure:
    """A row for each latent, labelled with its KL."""
    from matplotlib.figure import Figure

    rows, steps = walked.x.shape[:2]
    figure = Figure(figsize=(1 + 0.45 * steps, 0.5 * rows), layout="constrained")
    axes = figure.subplots(rows, 1, squeeze=False)[:, 0]
    for axis, x, label in zip(axes, walked.x, walked.labels()):
        axis.imshow(np.concatenate(_framed(x, space), 1), interpolation="nearest")
        axis.set(xticks=[], yticks=[])
        axis.set_ylabel(label, rotation=0, ha="right", va="center", fontsize=8)
        axis.spines[:].set_visible(False)
    return figure


def _framed(x: Tensor, space: Pixels) -> np.ndarray:
    """(batch, height + 1, width + 1, 3), with a grey line between images."""
    return np.pad(as_rgb(x, space), ((0, 0), (0, 1), (0, 1), (0, 0)), constant_values=128)


def film(walked: Traversal, space: Pixels, columns: int = 5, milliseconds: int = 120) -> bytes:
    """A GIF: all latents move at once, each in an image of its own, there and back."""
    from PIL import Image

    steps = [*range(walked.x.shape[1]), *range(walked.x.shape[1] - 2, 0, -1)]
    frames = [
        Image.open(io.BytesIO(grid(walked.x[:, t], space, columns, 3))).convert("P") for t in steps
    ]
    buffer = io.BytesIO()
    frames[0].save(
        buffer, "GIF", save_all=True, append_images=frames[1:], duration=milliseconds, loop=0
    )
    return buffer.getvalue()


@picture("traversal")
def traversal_picture(
    checkpoint: str | None = None,
    rows: int = 8,
    steps: int = 11,
    reach: float = 2.0,
    example: int = 0,
) -> Figure:
    """What every latent of a model of images changes, as a film strip.

    Args:
        checkpoint: a .safetensors file; None trains the preset beta_sprites.
        rows, steps: of the picture.
        reach: how far to each side, in standard deviations of the prior.
        example: which test example the walks start from.
    """
    return film_strip(*_walked(checkpoint, rows, steps, reach, example))


@picture("traversal-film")
def traversal_film(
    checkpoint: str | None = None,
    rows: int = 10,
    steps: int = 15,
    reach: float = 2.0,
    example: int = 0,
) -> bytes:
    """The same as a GIF, in which all latents move at once."""
    return film(*_walked(checkpoint, rows, steps, reach, example))


def _walked(
    path: str | None, rows: int, steps: int, reach: float, example: int
) -> tuple[Traversal, Pixels]:
    """The traversal of the model in a file. Raises ValueError where its data are no images."""
    model, batch = _trained() if path is None else _loaded(path)
    if not isinstance(model.space, Pixels):
        raise ValueError(f"only images can be drawn in a film, not {model.space}")
    if batch is not None:
        batch = tuple(t.roll(-count("example", example, 0), 0) for t in batch)
    x, *told = batch or (None,)
    return traversal(model, x, rows, steps, reach, conditions=tuple(told)), model.space


def _trained() -> tuple[Generative, Batch]:
    from ..presets.disentangling import beta_sprites
    from ..training.fit import fit

    torch.manual_seed(0)
    experiment = beta_sprites()
    model = fit(experiment.model, experiment.data, experiment.recipe)
    return model, experiment.data.test.at(slice(0, DRAWS), model.device)


def _loaded(path: str) -> tuple[Generative, Batch | None]:
    model = checkpoint.load(path)
    if not isinstance(model, Latent) and model.given is None:
        return model, None
    test = recorded_data(checkpoint.read(path)).test
    return model, test.told(model.given).at(slice(0, DRAWS))
