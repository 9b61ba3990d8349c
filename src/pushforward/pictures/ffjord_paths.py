"""How a continuous flow carries noise to data: the way of every draw."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from ..models.flow.neural_ode import NeuralODE
from ..presets.flows import ffjord_moons
from .gallery import learned, picture
from .shown import blank

if TYPE_CHECKING:
    from .notebook import Sheet


@picture
def draw(steps: int = 1_000, n: int = 60) -> Sheet:
    """How FFJORD carries noise to two moons: the way of every draw.

    Args:
        steps: of training.
        n: paths.
    """
    return trajectories(learned(ffjord_moons(steps=steps)), n)


def trajectories(model: NeuralODE, n: int = 60, seed: int = 0) -> Sheet:
    """The paths from noise to data of `n` draws of a continuous flow in the plane."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        times = torch.linspace(1, 0, 33).tolist()
        paths = model.trajectory(model.latents(n), times).cpu().numpy()
    figure = blank(4, 4)
    axis = figure.subplots()
    axis.plot(paths[..., 0], paths[..., 1], color="0.6", linewidth=0.6)
    for points, name in ((paths[0], "noise"), (paths[-1], "data")):
        axis.scatter(points[:, 0], points[:, 1], s=8, label=name)
    axis.set(aspect="equal", xticks=[], yticks=[])
    axis.legend()
    return figure
