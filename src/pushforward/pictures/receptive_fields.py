"""What a pixel's conditional sees, by gradient: the blind spot of masks, and two stacks without."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..core.spaces import Pixels
from ..models.autoregressive.gated_pixelcnn import GatedPixelCNN
from ..models.autoregressive.pixelcnn import PixelCNN
from ..models.autoregressive.raster import Raster, receptive_field
from .gallery import picture

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@picture
def draw(layers: int = 6, size: int = 21, seed: int = 0) -> Figure:
    """Which pixels move what is predicted at one: PixelCNN with its blind spot, and Gated PixelCNN.

    Args:
        layers: of 3x3 convolutions after the first.
        size: sides of the image, in pixels.
        seed: of the weights; the zeros are the same for all.
    """
    from matplotlib.colors import ListedColormap
    from matplotlib.figure import Figure

    torch.manual_seed(seed)
    space, row, column = Pixels(1, size, size, 2), 2 * size // 3, size // 2
    models = {
        "PixelCNN: a blind spot": PixelCNN(space, 32, layers, first=3),
        "Gated PixelCNN: none": GatedPixelCNN(space, 32, layers, first=3),
    }
    figure = Figure(figsize=(8, 4.2), layout="constrained")
    for axis, (title, model) in zip(figure.subplots(1, 2), models.items()):
        shade, blind = seen_and_blind(model.eval(), row, column)
        axis.imshow(shade.numpy(), cmap="Blues", vmin=0, vmax=1)
        axis.imshow(blind.where(blind > 0, torch.nan).numpy(), cmap=ListedColormap(["salmon"]))
        axis.plot(column, row, "s", color="black")
        axis.set(title=title, xticks=[], yticks=[])
    figure.supxlabel("blue: moves the prediction at the black pixel; red: before it, yet unseen")
    return figure


def seen_and_blind(model: Raster, row: int, column: int) -> tuple[Tensor, Tensor]:
    """Of the pixels (height, width): how strongly each is seen, 0 .. 1 on a log scale, and the
    blind spot: those before (row, column) in raster order and within reach, yet unseen.
    """
    with torch.enable_grad():
        field = receptive_field(model, row, column).sum(0).detach()
    seen = field > 0
    shade = torch.where(seen, field / field.max(), 1).log10().clamp(min=-4) / 5 + 1
    rows, columns = seen.nonzero().unbind(1)
    before = torch.arange(field.numel()).view_as(field) < row * field.shape[1] + column
    within = torch.zeros_like(before)
    within[rows.min() : row + 1, columns.min() : columns.max() + 1] = True
    return torch.where(seen, shade, 0), (before & within & ~seen).float()
