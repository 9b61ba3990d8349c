"""Sheets of images and clouds of points, from tensors whose space may not be known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..core.spaces import Pixels
from ..media.images import sheet
from ..media.points import cloud

if TYPE_CHECKING:
    from PIL.Image import Image


def grid(
    x: Tensor, space: Pixels | None = None, columns: int | None = None, scale: int | None = None
) -> Image:
    """Images in rows, as a notebook shows them.

    Args:
        x: whole numbers (n, channels, height, width), or floats in 0 .. 1 of that shape.
        space: of the images; without it the largest whole number of all is taken for white.
        columns: images in a row (default: 8, and more where that would make a strip).
        scale: pixels that a pixel is enlarged to.

    Raises:
        ValueError: for another shape, numbers outside, or no images.
    """
    return sheet(*images(x, space), columns, scale)


def points(x: Tensor, reach: float | None = None) -> Image:
    """Points (n, 2) in the plane, darker where there are more, on a square that ends at `reach`.

    Raises ValueError for another shape, or no points.
    """
    return cloud(torch.as_tensor(x), reach)


def images(x: Tensor, space: Pixels | None = None) -> tuple[Tensor, Pixels]:
    """Images as uint8 of a space: that which is given, or the least that holds them."""
    x = torch.as_tensor(x).detach()
    if space is not None:
        return space.check(x), space
    if x.dim() != 4 or len(x) == 0:
        raise ValueError(
            f"images are of shape (n, channels, height, width), not {tuple(x.shape)}; "
            "x[:, None] gives grey ones their channel"
        )
    (_, channels, height, width), low, high = x.shape, x.min().item(), x.max().item()
    most = 1 if x.is_floating_point() else 255
    if not (low >= 0 and high <= most):  # which NaN is not either
        kind = "floats" if x.is_floating_point() else "whole numbers"
        raise ValueError(f"images are {kind} in 0 .. {most}, not {low:g} .. {high:g}")
    if x.is_floating_point():
        space = Pixels(channels, height, width)
        return space.from_unit(x), space
    return x.to(torch.uint8), Pixels(channels, height, width, max(2, int(high) + 1))
