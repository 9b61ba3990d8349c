"""Modes that games cover in the plane: samples of each, and how many clusters they reach."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..core.catalogue import nearest
from ..core.dataset import Dataset
from ..metrics.draws import Draws
from ..metrics.mode_counts import Modes, modes
from ..presets.modes import in_the_plane
from .gallery import learned, picture
from .shown import blank

if TYPE_CHECKING:
    from .notebook import Sheet

SAMPLES, SHOWN, COLUMNS = 10_000, 512, 5


@dataclass(frozen=True)
class Panel:
    """What a game drew: some of its points (n, 2), and the modes that all of them reach."""

    points: Tensor
    found: Modes


@picture
def draw(data: str = "grid", steps: int = 1_000) -> Sheet:
    """Samples of all games on the ring of 8 or the grid of 25 Gaussians, and the modes they cover.

    Args:
        data: "ring" or "grid".
        steps: of each game; the table of docs/pictures.md has 4,000.
    """
    centres, radius = mixture(data)
    panels = {}
    for name, build in in_the_plane(_data(data), steps).items():
        experiment = build()
        samples = torch.cat(list(Draws(learned(experiment), SAMPLES, experiment.data.test, 2_000)))
        panels[name] = Panel(samples[:SHOWN], modes(samples, centres, radius))
    return panels_of(panels, centres)


def _data(name: str) -> Dataset:
    from ..data import gaussians8, gaussians25

    known = {"ring": gaussians8, "grid": gaussians25}
    if name not in known:
        raise nearest(name, list(known), "mixture")
    return known[name]()


def mixture(name: str) -> tuple[Tensor, float]:
    """The means of the modes (modes, 2), and three of their standard deviations.

    Raises Usage for another name than "ring" and "grid".
    """
    if name == "ring":
        angle = torch.arange(8) * (2 * math.pi / 8)
        return 3 * torch.stack([angle.cos(), angle.sin()], 1), 0.75
    if name == "grid":
        side = torch.linspace(-3, 3, 5)
        return torch.cartesian_prod(side, side), 0.45
    raise nearest(name, ["ring", "grid"], "mixture")


def panels_of(panels: Mapping[str, Panel], centres: Tensor) -> Sheet:
    """A panel for each game: its points over the means, and the count of the modes beneath."""
    rows = -(-len(panels) // COLUMNS)
    figure = blank(2.1 * COLUMNS, 2.4 * rows)
    reach = 1.35 * float(centres.abs().max())
    axes = list(figure.subplots(rows, COLUMNS, squeeze=False).flat)
    for axis, (name, panel) in zip(axes, panels.items()):
        axis.plot(*centres.T, "+", color="0.75", markersize=6, zorder=0)
        axis.plot(*panel.points.T, ".", markersize=1.5)
        axis.set(xlim=(-reach, reach), ylim=(-reach, reach), xticks=[], yticks=[], aspect="equal")
        found = panel.found
        axis.set_title(name, fontsize=9)
        axis.set_xlabel(f"{found.covered} of {found.of}, {found.good:.0%} good", fontsize=8)
    for axis in axes[len(panels) :]:
        axis.set_visible(False)
    return figure
