"""Expectation maximisation at work: what panels share, each one iteration further."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..core.spaces import count
from ..data.plane import moons
from ..models.latent.gmm import GMM
from .shown import blank

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .notebook import Sheet

SHOWN = (0, 1, 2, 5, 10, 40)


def two_moons(n: int) -> Tensor:
    """The first `n` training points, (n, 2)."""
    return moons().train.first(count("points", n)).tensors[0].double()


@torch.no_grad()
def heap(model: GMM, x: Tensor) -> None:
    """Every mean near one corner of the data, every ball a third as wide as they are."""
    low, high = x.quantile(0.1, 0), x.quantile(0.5, 0)
    model.means.copy_(low + (high - low) * torch.rand(model.means.shape, dtype=x.dtype))
    spread = (x.std() / 3).log()
    if model.scale.dim() == 3:
        model.scale.copy_(spread * torch.eye(2, dtype=x.dtype).expand_as(model.scale))
    else:
        model.scale.fill_(spread)
    model.started.fill_(True)


def iterations(
    model: GMM, x: Tensor, axes: Sequence[Axes], score: Callable[[Tensor], Tensor]
) -> Iterator[tuple[Axes, int, float]]:
    """An axis for each of SHOWN, with the model after so many iterations and its mean score."""
    done = 0
    for axis, wanted in zip(axes, SHOWN):
        while done < wanted:
            model.update(x)
            done += 1
        with torch.no_grad():
            yield axis, done, score(x).mean().item()


def colours(n: int) -> Tensor:
    """`n` colours, (n, 3)."""
    from matplotlib import colormaps

    return torch.tensor([colormaps["tab10"](i % 10)[:3] for i in range(n)], dtype=torch.float64)


def strip() -> tuple[Sheet, Sequence[Axes]]:
    """A figure with an axis for each of SHOWN."""
    figure = blank(7.2, 3.3)
    axes = list(figure.subplots(2, len(SHOWN) // 2, sharex=True, sharey=True).flat)
    for axis in axes:
        axis.set(xticks=[], yticks=[], aspect="equal")
    return figure, axes
