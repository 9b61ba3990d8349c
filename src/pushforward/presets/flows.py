"""Presets of the flow family."""

from __future__ import annotations

from ..core.catalogue import preset
from ..models.flow.realnvp import RealNVP, VectorRealNVP
from ..training.experiment import Experiment
from ..training.recipe import Adam, Cosine, Recipe


@preset("realnvp")
def realnvp_moons(couplings: int = 8, width: int = 64, steps: int = 2_000) -> Experiment:
    """Real NVP on two moons.

    pushforward train realnvp_moons      (about half a minute of one CPU core)
    """
    from ..data import moons

    recipe = Recipe(steps, 256, Adam(2e-3), schedule=Cosine(warmup=50), ema=0.99)
    return Experiment(VectorRealNVP(2, couplings, width), moons(), recipe)


@preset("realnvp", "uniform-dequantisation")
def realnvp_digits(width: int = 16, blocks: int = 1, steps: int = 500) -> Experiment:
    """Real NVP on the 8x8 digits, where independent pixels have 2.425 bits/dim.

    pushforward train realnvp_digits      (about 25 s of one CPU core)
    """
    from ..data import digits

    data = digits()
    model = RealNVP(data.space, width=width, blocks=blocks, alpha=0.01)
    recipe = Recipe(steps, 64, Adam(3e-3), schedule=Cosine(warmup=20), ema=0.98, clip=50.0)
    return Experiment(model, data, recipe)


@preset("realnvp", "uniform-dequantisation")
def realnvp_mnist(
    width: int = 32, blocks: int = 1, steps: int = 4_000, batch_size: int = 64
) -> Experiment:
    """Real NVP on 28x28 MNIST with 256 grey levels; the paper's kind reports about 1.06 bits/dim.

    pushforward train realnvp_mnist      (at most 30 minutes of 2 CPU cores)
    pushforward train realnvp_mnist --width 64 --blocks 4 --steps 100000 --batch-size 128
        --device cuda      (the paper's size: for a GPU)
    """
    from ..data import mnist

    data = mnist()
    model = RealNVP(data.space, width=width, blocks=blocks, alpha=1e-3)
    recipe = Recipe(
        steps, batch_size, Adam(1e-3), schedule=Cosine(warmup=200), ema=0.998, clip=100.0
    )
    return Experiment(model, data, recipe)
