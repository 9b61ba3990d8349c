"""The energies of the planar-flow paper, and flows fitted to them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..core.contract import Density
from ..presets.flows import planar_energy
from .densities import on_a_grid
from .gallery import learned, picture
from .shown import blank

if TYPE_CHECKING:
    from .notebook import Sheet


@picture
def draw(layers: int = 32, steps: int = 2_500) -> Sheet:
    """The four energies of the planar-flow paper, and planar flows fitted to them by reverse KL.

    Args:
        layers: planar steps of each flow.
        steps: of training, for each energy.
    """
    trained = [learned(planar_energy(number, layers, steps)) for number in range(1, 5)]
    targets, fits = [m.target for m in trained], [m.model for m in trained]
    return energy_shapes([("energy", targets), (f"{layers} planar steps", fits)])


def energy_shapes(rows: Sequence[tuple[str, Sequence[Density]]], reach: float = 4.5) -> Sheet:
    """Densities over Reals((2,)), shaded: a named row for the targets and one for each fit."""
    most = max(len(densities) for _, densities in rows)
    size = (2.2 * most, 2.2 * len(rows))
    figure = blank(*size)
    axes = figure.subplots(len(rows), most, squeeze=False)
    for line, (name, densities) in zip(axes, rows):
        line[0].set_ylabel(name)
        for axis, density in zip(line, densities):
            at, shade = on_a_grid(density, reach)
            axis.pcolormesh(at.numpy(), at.numpy(), shade.numpy(), cmap="magma", rasterized=True)
            axis.set(aspect="equal", xticks=[], yticks=[])
    return figure
