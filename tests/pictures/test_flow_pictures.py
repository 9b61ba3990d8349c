from __future__ import annotations

import torch

from pushforward.core.spaces import Pixels
from pushforward.models.flow.ffjord import FFJORD
from pushforward.models.flow.glow import Glow
from pushforward.models.flow.planar import PlanarFlow
from pushforward.pictures.ffjord_paths import trajectories
from pushforward.pictures.gallery import drawings
from pushforward.pictures.glow_temperature import temperatures
from pushforward.pictures.planar_energies import energy_shapes
from pushforward.pictures.shown import encoded
from pushforward.probability.energies import PlaneEnergy
from pushforward.solvers.fixed import Euler


def test_pictures_of_flows(tmp_path):
    energies = [PlaneEnergy(1), PlaneEnergy(2)]
    figure = energy_shapes([("energy", energies), ("planar", [PlanarFlow(2, 2)] * 2)])
    assert len(figure.axes) == 4
    figure.savefig(tmp_path / "shapes.png")
    paths = trajectories(FFJORD(2, width=8, solver=Euler(2)), n=5)
    assert len(paths.axes[0].lines) == 5
    grid = temperatures(Glow(Pixels(1, 4, 4, levels=4), 1, 1, 4).eval(), at=(0.0, 1.0), n=3)
    assert grid.shape == (6, 1, 4, 4)
    assert torch.equal(grid[0], grid[1])  # at 0 all noise is the same


def test_the_gallery_draws_flows():
    found = drawings()
    assert len(found["planar-energies"](layers=1, steps=1).axes) == 8
    assert len(found["ffjord-paths"](steps=1, n=3).axes[0].lines) == 3
    assert encoded(found["glow-temperature"](steps=1)).startswith(b"\x89PNG")
