"""The score that a diffusion learned beside the true one of a mixture, under several noises."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..core.spaces import count
from ..models.score.edm import EDM
from ..nn.denoiser import TimeMLP
from ..solvers.known import KnownMixture
from ..training.experiment import Experiment
from ..training.recipe import Adam, Cosine, Recipe
from .gallery import learned, picture
from .shown import blank, looking

if TYPE_CHECKING:
    from .notebook import Sheet

SIGMAS = (0.1, 0.5, 2.0)
RADIUS, STD = 3.0, 0.5
REACH, SIDE = 4.5, 16


@picture
def draw(steps: int = 3_000, width: int = 128, seed: int = 0) -> Sheet:
    """Arrows of the learned score over those of the truth, of eight Gaussians under noise.

    What an arrow is off by is the network's error: where there are hardly any data it is largest.

    Args:
        steps: of training.
        width: of the network.
        seed: of the training.
    """
    model = learned(_experiment(count("steps", steps), count("width", width)), seed)
    return fields(model, eight())


def _experiment(steps: int, width: int) -> Experiment:
    from ..data import gaussians8

    data = gaussians8(n=20_000, noise=STD)
    model = EDM(data.space, TimeMLP(2, width=width), 2.2, most=20.0, log_mean=-0.5)
    recipe = Recipe(steps, 256, Adam(2e-3), schedule=Cosine(warmup=50), ema=0.99)
    return Experiment(model, data, recipe)


def eight() -> KnownMixture:
    """The data's true denoiser, and with it their score."""
    angle = 2 * math.pi * torch.arange(8, dtype=torch.float64) / 8
    means = RADIUS * torch.stack([angle.cos(), angle.sin()], 1)
    return KnownMixture(means, torch.full((8,), 1 / 8, dtype=torch.float64), STD)


def scores(model: EDM, process: KnownMixture, x: Tensor, sigma: float) -> tuple[Tensor, Tensor]:
    """The true and the learned score at the points `x` (n, 2), float64, under noise `sigma`."""
    level = process.level_of(sigma)
    with looking(model):
        at = x.to(model.device, model.dtype)
        found = model.score(at, at.new_full((len(at),), sigma)).cpu().double()
    return (process.denoise(x, level) - x) / sigma**2, found


def relative_error(model: EDM, process: KnownMixture, sigma: float, n: int = 5_000) -> float:
    """E|s - s*|^2 / E|s*|^2 over noisy draws of the mixture."""
    generator = torch.Generator().manual_seed(1)
    which = torch.multinomial(process.weights, n, replacement=True, generator=generator)
    noise = torch.randn(n, 2, generator=generator, dtype=torch.float64)
    x = process.means[which] + math.hypot(process.std, sigma) * noise
    truth, found = scores(model, process, x, sigma)
    return ((found - truth).square().sum() / truth.square().sum()).item()


def _shortened(field: Tensor) -> Tensor:
    """Vectors of the same directions, as long as the roots of their lengths."""
    return field / field.norm(dim=1, keepdim=True).clamp(min=1e-12).sqrt()


def fields(model: EDM, process: KnownMixture) -> Sheet:
    """One square for each of SIGMAS, an arrow is as long as its score's root."""
    line = torch.linspace(-REACH, REACH, SIDE, dtype=torch.float64)
    x = torch.cartesian_prod(line, line)
    figure = blank(3.1 * len(SIGMAS), 3.9)
    for axis, sigma in zip(figure.subplots(1, len(SIGMAS)), SIGMAS):
        truth, found = scores(model, process, x, sigma)
        unit = _shortened(truth).norm(dim=1).max().item() / (2.2 * REACH / SIDE)
        same = {"angles": "xy", "scale_units": "xy", "scale": 1}
        for field, colour, width, name in (
            (truth, "0.65", 0.011, "true"),
            (found, "C3", 0.004, "learned"),
        ):
            arrows = _shortened(field).T / unit
            axis.quiver(*x.T, *arrows, color=colour, width=width, label=name, **same)
        axis.plot(*process.means.T, "k+", markersize=4)
        error = relative_error(model, process, sigma)
        axis.set(aspect="equal", xticks=[], yticks=[])
        axis.set_title(f"noise σ = {sigma:g}: relative error {error:.2%}", fontsize=9)
    figure.legend(*axis.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure
