"""Traversals: one latent moves from low to high, the others stay; what changes is what it says.

Rows are sorted by KL( q(z_j | x) || N(0, 1) ), so that the latents that say most come first: those
that say nothing change nothing. Latents move over the prior's own range.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.distributions import Distribution

from ..core.contract import Generative, Latent, Pushforward
from ..core.dataset import Batch
from ..core.given import repeated
from ..core.spaces import Pixels, count
from ..media.trained import opened
from .shown import looking, noise

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
    first = tuple(c[:1] for c in conditions)
    with looking(model, seed):
        prior = noise(model, DRAWS, *repeated(first, DRAWS))
        start, nats = _start(model, prior, x, conditions)
        order = range(start.numel()) if nats is None else nats.argsort(descending=True).tolist()
        chosen = tuple(order)[: count("rows", rows)]
        z = _moved(start, prior.flatten(1), chosen, count("steps", steps, 2), reach)
        z = z.flatten(0, 1).unflatten(1, prior.shape[1:])
        out = model.push(z, *repeated(first, len(z)))
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


def walked_in(
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
    trained = opened(path)
    if not isinstance(trained.model, Latent) and trained.model.given is None:
        return trained.model, None
    return trained.model, trained.data().test.at(slice(0, DRAWS))
