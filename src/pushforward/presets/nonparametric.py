"""Presets of densities that count or smooth their data."""

from __future__ import annotations

from ..core.catalogue import preset
from ..models.flow.dequantized import DequantizedDensity
from ..models.nonparametric.histogram import Histogram
from ..models.nonparametric.kernel_density import KernelDensity
from ..training.experiment import Experiment
from ..training.recipe import Recipe


@preset("histogram")
def histogram_moons(bins: int = 24) -> Experiment:
    """A histogram of two moons: one count of the training split.

    pushforward train histogram_moons
    """
    from ..data import moons

    data = moons()
    return Experiment(Histogram(data.space.shape, bins), data, Recipe(1, None))


@preset("kernel-density")
def kernel_density_moons(points: int = 2_000, steps: int = 60) -> Experiment:
    """A kernel density of two moons, its bandwidth by EM on the likelihood of points left out.

    pushforward train kernel_density_moons

    Args:
        points: that are kept.
        steps: of EM, each of which compares all pairs of them.
    """
    from ..data import moons

    data = moons()
    return Experiment(KernelDensity(data.space.shape, points), data, Recipe(steps, None))


@preset("kernel-density")
def kernel_density_digits(steps: int = 30) -> Experiment:
    """A kernel density on the logits of dequantised 8x8 digits: 64 dimensions are many for it.

    pushforward train kernel_density_digits
    """
    from ..data import digits

    data = digits()
    model = DequantizedDensity(KernelDensity(data.space.shape), data.space)
    return Experiment(model, data, Recipe(steps, None))
