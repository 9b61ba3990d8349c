"""Densities that are given and not learned, and true draws from them, which data sets are made of.

A fit by reverse KL takes only the number of its data; evaluation compares samples with them.
"""

from __future__ import annotations

import torch

from ..core.contract import Density
from ..core.dataset import Dataset
from ..data.arrays import tensors
from ..data.specs import findable
from ..probability.energies import PlaneEnergy
from ..probability.gaussian import FixedMixture


def bumps(distance: float = 4.0) -> FixedMixture:
    """Equal bumps of scale 0.6, so far apart on the diagonal of the plane."""
    place = distance / 8**0.5
    return FixedMixture(((-place, -place), (place, place)), (0.6, 0.6))


@findable("two_bumps", alone=True)
def two_bumps(distance: float = 4.0, n: int = 10_000, seed: int = 0) -> Dataset:
    """Draws of two bumps so far apart."""
    return _drawn("two_bumps", bumps(distance), n, seed)


@findable("energy", alone=True)
def energy(number: int = 1, n: int = 10_000, seed: int = 0) -> Dataset:
    """Draws of an energy of the planar-flow paper, 1 to 4."""
    return _drawn(f"energy {number}", PlaneEnergy(number), n, seed)


def _drawn(name: str, target: Density, n: int, seed: int) -> Dataset:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return tensors(target.sample(n), name=name, rule="shuffled")
