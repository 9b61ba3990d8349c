"""Pictures of flows: energies and their fits, paths of noise, temperatures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ..core.contract import Density
from ..models.flow.dequantized import Dequantized
from ..models.flow.neural_ode import NeuralODE
from ..presets.flows import ffjord_moons, glow_digits, planar_energy
from ..training.experiment import Experiment
from ..training.loop import Training
from .gallery import picture
from .pictures import grid
from .pictures_divergences import on_a_grid

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@picture("planar-energies")
def planar_energies(layers: int = 32, steps: int = 2_500) -> Figure:
    """The four energies of the planar-flow paper, and planar flows fitted to them by reverse KL.

    Args:
        layers: planar steps of each flow.
        steps: of training, for each energy.
    """
    learned = [_trained(planar_energy(number, layers, steps)) for number in range(1, 5)]
    targets, fits = [m.target for m in learned], [m.model for m in learned]
    return energy_shapes([("energy", targets), (f"{layers} planar steps", fits)])


@picture("ffjord-paths")
def ffjord_paths(steps: int = 1_000, n: int = 60) -> Figure:
    """How FFJORD carries noise to two moons: the way of every draw.

    Args:
        steps: of training.
        n: paths.
    """
    return trajectories(_trained(ffjord_moons(steps=steps)), n)


@picture("glow-temperature")
def glow_temperature(steps: int = 400) -> bytes:
    """Digits of Glow from the same noise at temperatures 0, 0.5, 0.7, 0.9 and 1, a row for each.

    Args:
        steps: of training.
    """
    model = _trained(glow_digits(steps=steps))
    return grid(temperatures(model), model.space)


def _trained(experiment: Experiment) -> Any:
    training = Training(experiment.model, experiment.data, experiment.recipe)
    for _ in training:
        pass
    return training.result.eval()


def energy_shapes(rows: Sequence[tuple[str, Sequence[Density]]], reach: float = 4.5) -> Figure:
    """Densities over Reals((2,)), shaded: a named row for the targets and one for each fit."""
    from matplotlib.figure import Figure

    most = max(len(densities) for _, densities in rows)
    size = (2.2 * most, 2.2 * len(rows))
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(len(rows), most, squeeze=False)
    for line, (name, densities) in zip(axes, rows):
        line[0].set_ylabel(name)
        for axis, density in zip(line, densities):
            at, shade = on_a_grid(density, reach)
            axis.pcolormesh(at.numpy(), at.numpy(), shade.numpy(), cmap="magma", rasterized=True)
            axis.set(aspect="equal", xticks=[], yticks=[])
    return figure


def trajectories(model: NeuralODE, n: int = 60, seed: int = 0) -> Figure:
    """The paths from noise to data of `n` draws of a continuous flow in the plane."""
    from matplotlib.figure import Figure

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        times = torch.linspace(1, 0, 33).tolist()
        paths = model.trajectory(model.latents(n), times).cpu().numpy()
    figure = Figure(figsize=(4, 4), layout="constrained")
    axis = figure.subplots()
    axis.plot(paths[..., 0], paths[..., 1], color="0.6", linewidth=0.6)
    for points, name in ((paths[0], "noise"), (paths[-1], "data")):
        axis.scatter(points[:, 0], points[:, 1], s=8, label=name)
    axis.set(aspect="equal", xticks=[], yticks=[])
    axis.legend()
    return figure


def temperatures(
    model: Dequantized, at: Sequence[float] = (0.0, 0.5, 0.7, 0.9, 1.0), n: int = 8, seed: int = 0
) -> Tensor:
    """The same noise at several temperatures: images (len(at) * n, c, h, w), a row for each."""
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(seed)
        noise = model.latents(n)
        return torch.cat([model.push(noise * temperature) for temperature in at])
