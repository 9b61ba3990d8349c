"""What a pixel's conditional sees, by gradient: the blind spot of masks, and two stacks without."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..core.contract import Generative
from ..core.spaces import Pixels
from ..models.autoregressive.gated_pixelcnn import GatedPixelCNN
from ..models.autoregressive.pixelcnn import PixelCNN
from ..models.autoregressive.raster import Raster
from ..models.autoregressive.raster import receptive_field as gradient_at
from .gallery import picture
from .shown import blank, looking

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .notebook import Sheet


@picture
def draw(layers: int = 6, size: int = 21, seed: int = 0) -> Sheet:
    """Which pixels move what is predicted at one: PixelCNN with its blind spot, and Gated PixelCNN.

    Args:
        layers: of 3x3 convolutions after the first.
        size: sides of the image, in pixels.
        seed: of the weights; the zeros are the same for all.
    """
    torch.manual_seed(seed)
    space = Pixels(1, size, size, 2)
    models = {
        "PixelCNN: a blind spot": PixelCNN(space, 32, layers, first=3),
        "Gated PixelCNN: none": GatedPixelCNN(space, 32, layers, first=3),
    }
    figure = blank(8, 4.2)
    for axis, (title, model) in zip(figure.subplots(1, 2), models.items()):
        _show(axis, model.eval(), *_place(model, None, None))
        axis.set_title(title)
    figure.supxlabel("blue: moves the prediction at the black pixel; red: before it, yet unseen")
    return figure


def receptive_field(
    model: Generative, row: int | None = None, column: int | None = None, seed: int = 0
) -> Sheet:
    """Which pixels move what a convolutional model predicts at one, by its gradient.

    Blue pixels do, the more the darker; red ones come before it and are within reach, yet unseen.

    Args:
        model: PixelCNN and what is like it.
        row, column: of the pixel; below the middle by default.
        seed: of the images that the gradient is taken at.

    Raises:
        ValueError: for another model, or a pixel outside of its images.
    """
    if not isinstance(model, Raster):
        raise ValueError(
            f"{type(model).__name__} does not predict pixels by convolutions along the rows, as "
            "PixelCNN does: it has no receptive field"
        )
    place = _place(model, row, column)
    figure = blank(3.6, 4)
    axis = figure.subplots()
    with looking(model, seed):
        _show(axis, model, *place)
    axis.set_title(f"{type(model).__name__} at row {place[0]}, column {place[1]}", fontsize=10)
    return figure


def _place(model: Raster, row: int | None, column: int | None) -> tuple[int, int]:
    """The pixel that is asked about: by default one with enough above it to be seen."""
    return (
        2 * model.height // 3 if row is None else row,
        model.breadth // 2 if column is None else column,
    )


def _show(axis: Axes, model: Raster, row: int, column: int) -> None:
    from matplotlib.colors import ListedColormap

    shade, blind = (found.cpu() for found in seen_and_blind(model, row, column))
    axis.imshow(shade.numpy(), cmap="Blues", vmin=0, vmax=1)
    axis.imshow(blind.where(blind > 0, torch.nan).numpy(), cmap=ListedColormap(["salmon"]))
    axis.plot(column, row, "s", color="black")
    axis.set(xticks=[], yticks=[])


def seen_and_blind(model: Raster, row: int, column: int) -> tuple[Tensor, Tensor]:
    """Of the pixels (height, width): how strongly each is seen, 0 .. 1 on a log scale, and the
    blind spot: those before (row, column) in raster order and within reach, yet unseen.
    """
    with torch.enable_grad():
        field = gradient_at(model, row, column).sum(0).detach()
    seen = field > 0
    shade = torch.where(seen, field / field.max(), 1).log10().clamp(min=-4) / 5 + 1
    place = torch.arange(field.numel(), device=field.device).view_as(field)
    before, within = place < row * field.shape[1] + column, torch.zeros_like(seen)
    if seen.any():  # the very first pixel sees none
        rows, columns = seen.nonzero().unbind(1)
        within[rows.min() : row + 1, columns.min() : columns.max() + 1] = True
    return torch.where(seen, shade, 0), (before & within & ~seen).float()
