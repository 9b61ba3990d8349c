"""How samples of a diffusion come out of noise: what is denoised, and what is believed of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from ..core.spaces import Pixels, count
from ..media.trained import opened
from ..models.score.diffusion import Denoising, Given
from ..solvers.diffusion import Level
from ..solvers.spacing import MOST
from .gallery import picture
from .shown import blank, looking

if TYPE_CHECKING:
    from .notebook import Sheet

Moment = tuple[Level, Tensor, Tensor]
"""A level of noise, x_t there, and E[x_0 | x_t]."""


@picture
def draw(
    checkpoint: str = "zoo:ddpm_mnist", samples: int = 4, columns: int = 9, seed: int = 0
) -> Sheet:
    """Samples on their way from noise: under every noisy one what it is believed to become.

    Args:
        checkpoint: a .safetensors file of a diffusion of images, or zoo:NAME.
        samples: how many; of a model that is told classes, one of each in turn.
        columns: moments of the way, the first and the last included.
        seed: of the noise.
    """
    model = denoising(opened(checkpoint).model)
    if not isinstance(model.space, Pixels):
        raise ValueError(f"a strip is of images, not of {model.space}")
    way = moments(model, count("samples", samples), seed)
    return strip(model, spread_over(way, count("columns", columns, 2)))


def denoising(model: object) -> Denoising:
    """The model, where it draws by the steps of a diffusion. Raises ValueError elsewhere."""
    if not isinstance(model, Denoising):
        raise ValueError(
            f"{type(model).__name__} does not draw by the steps of a diffusion of data: take a "
            "DDPM, an EDM, a flow matching, or a guided one"
        )
    return model


@dataclass(frozen=True)
class Watched:
    """A process that notes what its denoiser was asked, and what it said."""

    inner: Given
    seen: list[Moment] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def denoise(self, x: Tensor, level: Level) -> Tensor:
        """E[x_0 | x_t = x]."""
        x0 = self.inner.denoise(x, level)
        self.seen.append((level, x, x0))
        return x0


def moments(model: Denoising, n: int = 4, seed: int = 0) -> list[Moment]:
    """All that the denoiser was asked along the probability flow of `n` samples."""
    with looking(model, seed):
        watched = Watched(model.process(*_told_in_turn(model, n)))
        own = model.diffusion
        own.walk(watched, own.prior_std * model.latents(n))
    return watched.seen


def _told_in_turn(model: Denoising, n: int) -> tuple[Tensor, ...]:
    if model.given is None:
        return ()
    classes = getattr(model.given, "classes", None)
    if classes is None:
        raise ValueError(f"a strip is of models that are told a class, or nothing: {model.given}")
    return model.told(n, torch.arange(n, device=model.device) % classes)


def spread_over(way: Sequence[Moment], columns: int) -> list[Moment]:
    """So many moments, evenly spread from the first to the last (all, where there are fewer)."""
    n = min(columns, len(way))
    return [way[round(i * (len(way) - 1) / max(1, n - 1))] for i in range(n)]


def strip(model: Denoising, way: Sequence[Moment]) -> Sheet:
    """Columns of falling noise; of every sample a row x_t and a row E[x_0 | x_t]."""
    rows, space = 2 * len(way[0][1]), model.space
    height = 0.62 * space.shape[1] / space.shape[2]
    figure = blank(0.62 * len(way) + 0.5, height * rows + 0.3)
    axes = figure.subplots(rows, len(way), squeeze=False)
    for column, (level, x, x0) in zip(axes.T, way):
        far = level.noise > MOST
        column[0].set_title("noise alone" if far else f"{level.noise:.2g}", fontsize=7)
        unit = x / (level.alpha**2 + level.sigma**2) ** 0.5
        pairs = torch.stack([unit, model.diffusion.clip(x0)], 1).flatten(0, 1)
        for axis, image in zip(column, pairs):
            axis.imshow(seen(image), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
            axis.set(xticks=[], yticks=[])
    for axis, name in zip(axes[:, 0], ("$x_t$", "$E[x_0|x_t]$") * (rows // 2)):
        axis.set_ylabel(name, fontsize=6)
    figure.suptitle("noise σ / α", fontsize=8)
    return figure


def seen(image: Tensor) -> np.ndarray:
    """An image (channels, height, width) of about [-1, 1] as an array that matplotlib shows."""
    unit = ((image + 1) / 2).clamp(0, 1).cpu()
    return (unit[0] if len(unit) == 1 else unit[:3].movedim(0, -1)).numpy()
