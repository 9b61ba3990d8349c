"""Presets of the autoregressive family."""

from __future__ import annotations

from ..core.catalogue import preset
from ..models.autoregressive.made import MADE
from ..training.experiment import Experiment
from ..training.recipe import Adam, Cosine, Recipe


@preset("made")
def made_digits(width: int = 256, masks: int = 16, steps: int = 1_000) -> Experiment:
    """MADE with 17-way softmax conditionals on the 8x8 digits, 16 orders and masks.

    pushforward train made_digits      (15 seconds of one CPU core; independent pixels: 2.42
    bits/dim)
    """
    from ..data import digits

    data = digits()
    adam = Adam(2e-3, weight_decay=0.3)
    recipe = Recipe(steps, 64, adam, schedule=Cosine(warmup=100), ema=0.99)
    model = MADE(data.space, width=width, masks=masks, shuffled=True)
    return Experiment(model, data, recipe)


@preset("made")
def made_mnist(
    width: int = 1_024, layers: int = 1, masks: int = 1, steps: int = 20_000
) -> Experiment:
    """MADE on dynamically binarised MNIST (Germain et al., 2015, section 6.2, smaller).

    pushforward train made_mnist       (at most ten minutes on 2 CPU cores)
    """
    from ..data import mnist

    data = mnist(binarise="dynamic")
    recipe = Recipe(steps, 128, Adam(1e-3), schedule=Cosine(warmup=200), ema=0.999)
    return Experiment(MADE(data.space, width=width, layers=layers, masks=masks), data, recipe)


@preset("made")
def made_mnist_paper(
    width: int = 8_000, layers: int = 2, masks: int = 32, steps: int = 100_000
) -> Experiment:
    """MADE as the paper's best on binarised MNIST: 2 layers of 8,000 units and 32 masks.

    pushforward train made_mnist_paper --device cuda      (a GPU preset: not run here)

    The paper reports 86.64 nats on the fixed binarisation (table 6); this is the dynamic one.
    """
    from ..data import mnist

    data = mnist(binarise="dynamic")
    model = MADE(data.space, width=width, layers=layers, masks=masks, shuffled=True)
    recipe = Recipe(steps, 100, Adam(5e-4), schedule=Cosine(warmup=1_000), ema=0.9995)
    return Experiment(model, data, recipe)


@preset("made")
def made_picture(picture: str = "", bins: int = 60, steps: int = 2_000) -> Experiment:
    """A grey picture as a distribution over (column, row), two categorical variables.

    pushforward train made_picture --picture photo.png      (half a minute of one CPU core)

    Without a picture, one that is drawn here: two moons.
    """
    from ..data import picture as read

    data = read(picture or _moons(), n=100_000, bins=bins)
    recipe = Recipe(steps, 1_024, Adam(3e-3), schedule=Cosine(warmup=100))
    return Experiment(MADE(data.space, width=256, direct=True), data, recipe)


def _moons():
    """A picture of two crescents, (120, 120) brightness from 0 (ink) to 1."""
    import numpy as np

    y, x = np.mgrid[-2:2:120j, -3:3:120j]
    arcs = [abs(np.hypot(x - s, y + s / 2) - 1.5) + 9 * (s * y < -0.5) for s in (-0.75, 0.75)]
    return 1 - np.exp(-((np.minimum(*arcs) / 0.25) ** 2))
