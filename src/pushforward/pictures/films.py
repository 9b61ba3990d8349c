"""Films: data of one shape after another, as one animated image."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from ..core.spaces import Pixels
from ..media.images import sheet
from ..media.points import cloud
from .grids import images
from .shown import Film


def film(
    frames: Iterable[Tensor],
    space: Pixels | None = None,
    columns: int | None = None,
    scale: int | None = None,
    milliseconds: int = 120,
) -> Film:
    """Frames one after the other: samples as a model learns, noise on its way to data, a walk.

    Args:
        frames: each as `grid` takes images, or points (n, 2); all of one shape.
        space, columns, scale: as for `grid`. Brightness and reach are the same in all frames.
        milliseconds: that a frame stays.

    Raises:
        ValueError: for no frames, frames of different shapes, or what cannot be drawn.
    """
    every = [torch.as_tensor(frame).detach().cpu() for frame in frames]
    shapes = {tuple(frame.shape) for frame in every}
    if len(shapes) != 1:
        raise ValueError(f"the frames of a film must be of one shape, not {sorted(shapes)}")
    x = torch.stack(every)
    if x.dim() == 3:
        reach = float(x.double().abs().max()) * 1.05
        return Film(tuple(cloud(frame, reach) for frame in x), milliseconds)
    whole, space = images(x.flatten(0, 1), space)
    parts = whole.unflatten(0, x.shape[:2])
    return Film(tuple(sheet(part, space, columns, scale) for part in parts), milliseconds)
