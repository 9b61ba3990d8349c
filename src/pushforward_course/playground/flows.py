"""A flow's layers, one after the other, warp a grid of noise into data."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import torch
from torch import Tensor

import pushforward as pf
from pushforward.pictures.densities import on_a_grid

from .panels import DATA, MODEL, dots, named, square
from .running import Run, started

if TYPE_CHECKING:
    from pushforward.pictures.notebook import Sheet

TITLE = "Flow layers"
LEAD = r"""
**Noise becomes data by layers that can be undone.** Each *coupling* of Real NVP keeps one
coordinate, and scales and shifts the other by amounts that depend on the first. On the left is a
grid of noise after some of the layers; in the middle what the whole flow draws; on the right its
exact density.

*Try*: train with one layer, then with two, then with eight. Then move *layers applied* from 0
upwards.

*See*: every layer moves points along one axis alone. One layer leaves one coordinate of the noise
as it was. The grid never tears: a flow is continuous, so a bridge of thin mass joins what data
keep apart.
"""
SETS = {
    "two moons": pf.data.moons,
    "two circles": pf.data.circles,
    "eight bumps": pf.data.gaussians8,
    "pinwheel": pf.data.pinwheel,
}
WIDTH, REACH, LINES = 32, 4.2, 13
STEPS = {1: 400, 2: 400, 3: 350, 4: 300}  # a layer takes its time: all stay within two seconds


@lru_cache(32)
def learned(layers: int, data: str = "two moons", steps: int | None = None) -> Run:
    """A flow of so many couplings, trained for `steps`, by default as many as two seconds allow."""
    taken = STEPS.get(layers, 220) if steps is None else steps
    found = SETS[data](4_000)
    started()
    pace = pf.Cosine(warmup=20)
    recipe = pf.Recipe(max(1, taken), 192, pf.Adam(3e-2), schedule=pace, clip=5.0)
    run = Run(pf.VectorRealNVP(2, couplings=layers, width=WIDTH), found, recipe)
    return run.go(taken)


def warped(flow: pf.VectorRealNVP, z: Tensor, layers: int) -> Tensor:
    """Noise (n, 2) after the first so many layers on its way to data: all of them is `push`."""
    ordered = list(reversed(flow.bijection.bijections))
    with torch.no_grad():
        for bijection in ordered[:layers]:
            z = bijection.push(z, None)  # type: ignore[operator]
    return z


def grid(reach: float = 2.4, lines: int = LINES, points: int = 120) -> Tensor:
    """Lines of a grid of noise, (2 lines, points, 2): those across, then those up."""
    along, apart = torch.linspace(-reach, reach, points), torch.linspace(-reach, reach, lines)
    across = torch.stack([along.expand(lines, -1), apart[:, None].expand(-1, points)], -1)
    return torch.cat([across, across.flip(-1)])


def nats(run: Run) -> float:
    """The mean of -log p over the test data, in nats."""
    with torch.no_grad():
        return -run.model.log_prob(run.data.test.tensors[0]).mean().item()


def panels(run: Run, applied: int) -> list[Sheet]:
    """The grid after `applied` layers, draws beside data, and the density."""
    return [_grid(run, applied), _draws(run), _density(run)]


def _grid(run: Run, applied: int) -> Sheet:
    every = len(run.model.bijection.bijections)
    figure, axis = square(f"a grid of noise after {min(applied, every)} of {every} layers", REACH)
    lines = grid()
    moved = warped(run.model, lines.flatten(0, 1), applied).view_as(lines)
    for n, line in enumerate(moved):
        axis.plot(*line.T, color=MODEL if n < LINES else DATA, linewidth=0.8)
    return figure


def _draws(run: Run) -> Sheet:
    figure, axis = square("data, and what the flow draws", REACH)
    torch.manual_seed(0)
    dots(axis, run.data.test.tensors[0][:400], DATA, "data")
    dots(axis, run.model.sample(400), MODEL, "draws")
    named(axis, loc="upper right")
    return figure


def _density(run: Run) -> Sheet:
    figure, axis = square(f"its density: {nats(run):.2f} nats a test point", REACH)
    at, shade = on_a_grid(run.model, REACH, 101)
    axis.pcolormesh(at.numpy(), at.numpy(), shade.sqrt().numpy(), cmap="Blues", rasterized=True)
    return figure
