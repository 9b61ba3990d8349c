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
from ..core.spaces import Pixels, Reals
from ..media.images import sheet
from .densities import around
from .shown import Drawing, Told, blank, looking, noise, repeated

if TYPE_CHECKING:
    from .notebook import Sheet

DRAWS = 1_000  # that are shown behind the walks


def walk(
    model: Generative, rows: int = 4, steps: int = 8, seed: int = 0, given: Told = ()
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
    space, x = model.space, walked(model, rows, steps, seed, given)
    if x is None:
        raise ValueError(f"{type(model).__name__} has no latents to walk between")
    if isinstance(space, Pixels):
        return sheet(x, space, columns=steps)
    if not isinstance(space, Reals) or space.shape != (2,):
        raise ValueError(f"walks are drawn through images and the plane, not through {space}")
    with looking(model, seed):
        others = model.sample(DRAWS, *repeated(model, given, DRAWS)).cpu()
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
    model: Generative, rows: int = 4, steps: int = 8, seed: int = 0, given: Told = ()
) -> Tensor | None:
    """Data on `rows` walks between pairs of latents, (rows * steps, ...); None without latents."""
    if not isinstance(model, Pushforward):
        return None
    with looking(model, seed):
        start, end = (noise(model, rows, *repeated(model, given, rows)) for _ in range(2))
        ways = [slerp(start, end, t) for t in np.linspace(0, 1, steps)]
        told = repeated(model, given, rows * steps)
        return model.push(torch.stack(ways, 1).flatten(0, 1), *told)


def slerp(a: Tensor, b: Tensor, t: float) -> Tensor:
    """The point at `t` on the great circle from `a` to `b`, each (batch, ...) one vector.

    >>> slerp(torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]]), 0.5)
    tensor([[0.7071, 0.7071]])
    """
    flat_a, flat_b = a.flatten(1), b.flatten(1)
    cosine = torch.cosine_similarity(flat_a, flat_b, dim=1).clamp(-1 + 1e-6, 1 - 1e-6)
    angle = torch.acos(cosine)[:, None]
    weights = (torch.sin((1 - t) * angle), torch.sin(t * angle))
    return ((weights[0] * flat_a + weights[1] * flat_b) / torch.sin(angle)).view_as(a)
