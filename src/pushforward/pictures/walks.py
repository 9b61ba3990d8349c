"""Walks from one point of noise to another, and the data on the way.

Great circles rather than lines: Gaussian noise lives near a sphere.

Sampling Generative Networks (White, 2016), arXiv:1609.04468, section 2.1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from ..core.contract import Generative, Pushforward
from ..core.dataset import Batch, Split
from ..core.spaces import Pixels, Reals
from ..media.images import sheet
from ..metrics.path_length import slerp
from .densities import around
from .shown import Drawing, Told, blank, looking, noise, told_alike

if TYPE_CHECKING:
    from .notebook import Sheet

ROWS, DRAWS = 4, 1_000  # walks; draws that are shown behind them


def walk(
    model: Generative, rows: int = ROWS, steps: int = 8, seed: int = 0, given: Told = ()
) -> Drawing:
    """What lies on walks between pairs of latents.

    Images are shown in rows, points in the plane as paths that begin at their large dots.

    Args:
        model: with latents, of images or of the plane.
        rows: how many walks.
        steps: of each.
        seed: of the latents.
        given: what the model is told on the way, if it is told something: a label, or a vector.

    Raises:
        ValueError: for a model without latents, of other data, or that is told something else.
    """
    space, x = model.space, walked(model, rows, steps, seed, told_alike(model, given, rows))
    if x is None:
        raise ValueError(f"{type(model).__name__} has no latents to walk between")
    if isinstance(space, Pixels):
        return sheet(x, space, columns=steps)
    if not isinstance(space, Reals) or space.shape != (2,):
        raise ValueError(f"walks are drawn through images and the plane, not through {space}")
    with looking(model, seed):
        others = model.sample(DRAWS, *told_alike(model, given, DRAWS)).cpu()
    return _paths(x.unflatten(0, (rows, steps)).cpu(), others)


def _paths(walks: Tensor, others: Tensor) -> Sheet:
    """Walks (rows, steps, 2) among other draws (n, 2); each begins at its large dot."""
    figure = blank(4, 4)
    axis = figure.subplots()
    axis.plot(*others.T, ".", color="0.85", markersize=2)
    for path in walks:
        (line,) = axis.plot(*path.T, marker=".", linewidth=1)
        axis.plot(*path[0], marker="o", color=line.get_color())
    across, up = around(torch.cat([others, walks.flatten(0, 1)]))
    axis.set(aspect="equal", xlim=across, ylim=up)
    return figure


def walked(
    model: Generative, rows: int = ROWS, steps: int = 8, seed: int = 0, told: Batch = ()
) -> Tensor | None:
    """Data on `rows` walks between pairs of latents, (rows * steps, ...); None without latents.

    `told` are the conditions of each walk, (rows, ...).
    """
    if not isinstance(model, Pushforward):
        return None
    with looking(model, seed):
        start, end = (noise(model, rows, *told) for _ in range(2))
        ends = start.flatten(1), end.flatten(1)
        ways = [slerp(*ends, t).view_as(start) for t in np.linspace(0, 1, steps)]
        each = (c.repeat_interleave(steps, 0) for c in told)
        return model.push(torch.stack(ways, 1).flatten(0, 1), *each)


def conditions_of(model: Generative, split: Split, n: int) -> Batch:
    """What a model is told with the first `n` examples, on its device."""
    return split.told(model.given).at(torch.arange(n) % len(split), model.device)[1:]
