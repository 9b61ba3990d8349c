"""Densities in the plane."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..core.contract import Bounded, Density, Generative, Weighted
from ..core.dataset import Dataset
from ..core.likelihood import importance_weighted
from ..core.spaces import Reals
from .shown import Told, blank, looking, told_alike

if TYPE_CHECKING:
    from .notebook import Sheet

SIDE, DRAWS = 201, 20  # points to a side; of a bound
SHOWN, DRAWN = 500, 2_000  # data; samples that tell how far it reaches
Box = tuple[tuple[float, float], tuple[float, float]]


def density(
    model: Generative, data: Dataset | None = None, reach: float | None = None, given: Told = ()
) -> Sheet:
    """p(x) of a model of the plane, shaded.

    Of a model that only knows a bound, the exponential of the bound (of 20 draws), and the title
    says so.

    Args:
        model: over Reals((2,)).
        data: whose test examples are shown as dots.
        reach: where the square round 0 ends; by default it holds nearly all data, or else samples.
        given: what the model is told, if it is told something: a label, or a vector.

    Raises:
        ValueError: for a model of another space, or without a likelihood.
    """
    _check_plane(model)
    x = None if data is None else data.test.first(SHOWN).at(slice(None))[0]
    with looking(model):
        drawn = model.sample(DRAWN, *told_alike(model, given, DRAWN)) if x is None else x
        box = ((-reach, reach),) * 2 if reach else around(drawn)
        across, up = (torch.linspace(*ends, SIDE).to(model.progress) for ends in box)
        square = torch.cartesian_prod(across, up).split(4_096)
        told = (told_alike(model, given, len(part)) for part in square)
        shade = torch.cat([_log_p(model, *pair) for pair in zip(square, told)]).exp()
    figure = blank(5, 4.2)
    axis = figure.subplots()
    values = shade.reshape(SIDE, SIDE).T.cpu().numpy()
    places = [line.cpu().numpy() for line in (across, up)]
    mesh = axis.pcolormesh(*places, values, cmap="Blues", rasterized=True)
    figure.colorbar(mesh, ax=axis, label="density")
    if x is not None:
        axis.scatter(x[:, 0].cpu(), x[:, 1].cpu(), s=3, color="firebrick", alpha=0.5, linewidths=0)
    axis.set(aspect="equal", title=f"{type(model).__name__}: p(x), {_kind(model)}")
    axis.set(xlim=box[0], ylim=box[1])
    return figure


def around(x: Tensor) -> Box:
    """The least and greatest of nearly all coordinates of points (n, 2), with some room."""
    found = x.detach().double().cpu()
    ends = found.quantile(torch.tensor([0.005, 0.995], dtype=torch.float64), 0)
    middle, half = ends.mean(0), (ends[1] - ends[0]).max().clamp(min=1e-3) * 0.6
    (a, b), (c, d) = ((float(m - half), float(m + half)) for m in middle)
    return (a, b), (c, d)


@torch.no_grad()
def on_a_grid(density: Density, reach: float, side: int = 121) -> tuple[Tensor, Tensor]:
    """The coordinates (side,) from -reach to reach, and p(x) over their square, (side, side)."""
    at = torch.linspace(-reach, reach, side, dtype=density.dtype, device=density.device)
    points = torch.cartesian_prod(at, at)
    return at.cpu(), density.log_prob(points).exp().reshape(side, side).T.cpu()


def _check_plane(model: Generative) -> None:
    name = type(model).__name__
    if not isinstance(model.space, Reals) or model.space.shape != (2,):
        raise ValueError(f"densities are drawn over Reals((2,)), but {name} is over {model.space}")
    if not isinstance(model, Density | Bounded):
        raise ValueError(
            f"{name} has no density: pf.pictures.points(model.sample(5_000)) shows what it draws"
        )


def _log_p(model: Generative, x: Tensor, conditions: tuple[Tensor, ...]) -> Tensor:
    if isinstance(model, Density):
        return model.log_prob(x, *conditions)
    if isinstance(model, Weighted):
        return model.importance_weighted(x, *conditions, k=DRAWS)
    assert isinstance(model, Bounded)
    return model.elbo(x, *conditions, samples=DRAWS)


def _kind(model: Generative) -> str:
    known = importance_weighted(DRAWS) if isinstance(model, Weighted) else model.likelihood
    return str(known)
