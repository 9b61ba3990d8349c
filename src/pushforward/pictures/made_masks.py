"""The masks of a masked perceptron, and what they leave of the paths from inputs to outputs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from ..core.spaces import count
from ..nn.masked import MaskedMLP
from .shown import blank

if TYPE_CHECKING:
    from .notebook import Sheet


def masks(made: nn.Module, which: int = 0) -> Sheet:
    """The masks of a MADE (or of the first masked perceptron in a MAF), and their product.

    A dark cell is a weight that stays: its row's unit sees its column's. The last panel says which
    dimensions each one's conditional depends on: in the order of the masks it is a triangle.

    Args:
        made: the model.
        which: of its sets of masks.

    Raises:
        ValueError: for a model without masks, or without so many sets.
    """
    net = next((part for part in made.modules() if isinstance(part, MaskedMLP)), None)
    if net is None:
        raise ValueError(f"{type(made).__name__} has no masked perceptron, as MADE has")
    if count("which", which, 0) >= net.masks:
        raise ValueError(f"which must be 0 .. {net.masks - 1}, not {which}")
    layers = net._computed_masks(which)[: len(net.hidden) + 1]
    figure = blank(2.6 * len(layers) + 2.8, 3.2)
    *axes, last = figure.subplots(1, len(layers) + 1)
    for i, (axis, mask) in enumerate(zip(axes, layers)):
        axis.imshow(mask.cpu().numpy(), cmap="Greys", vmin=0, vmax=1.3, aspect="auto")
        names = ["inputs", *(f"units of layer {j + 1}" for j in range(len(net.hidden))), "outputs"]
        axis.set(xlabel=names[i], ylabel=names[i + 1], xticks=[], yticks=[])
    last.imshow(dependencies(net, which).cpu().numpy(), cmap="Blues", vmin=0, vmax=1.3)
    last.set(xlabel="a dimension", ylabel="is seen by the conditional of", xticks=[], yticks=[])
    return figure


def dependencies(net: MaskedMLP, which: int = 0) -> Tensor:
    """1 where the outputs of a dimension (row) have a path from another's inputs (column)."""
    every = [mask.double() for mask in net._computed_masks(which)]
    paths = torch.eye(net.dims * net.inputs, dtype=torch.float64, device=every[0].device)
    for mask in every[: len(net.hidden) + 1]:
        paths = (mask @ paths).clamp(max=1)
    if net.direct is not None:
        paths = paths + every[-1]
    return (paths.view(net.dims, net.outputs, net.dims, net.inputs).amax((1, 3)) > 0).double()
