"""The collapse of a posterior, drawn: the rate over training, with and without remedies."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from ..metrics.surgery import elbo_surgery
from ..presets.collapse import FLOOR, LATENT, remedies
from ..training.experiment import Experiment
from ..training.loop import Training
from .gallery import picture
from .shown import blank

if TYPE_CHECKING:
    from .notebook import Sheet

COLLAPSED = 0.5  # nats


def rate_curve(experiment: Experiment) -> list[tuple[int, float]]:
    """Steps, and the rate on the test split in nats after each of them."""
    torch.manual_seed(0)
    training = Training(experiment.model, experiment.data, experiment.recipe)
    test = experiment.data.test
    return [(r.step, elbo_surgery(training.model, test, samples=4).rate) for r in training]


@picture
def draw(steps: int = 400) -> Sheet:
    """The rate of a VAE with an autoregressive decoder while it learns, by the remedy it is given.

    Args:
        steps: of training, for each remedy.
    """
    figure = blank(7, 4)
    axis = figure.subplots()
    for name, experiment in remedies(steps).items():
        curve = rate_curve(experiment)
        axis.plot(*zip(*curve), label=name, linewidth=2.5 if name == "none" else 1.5)
    axis.axhline(FLOOR * LATENT, color="grey", linestyle="--", linewidth=1)
    axis.axhspan(0, COLLAPSED, color="firebrick", alpha=0.1)
    across, small = axis.get_yaxis_transform(), {"ha": "right", "fontsize": 8}
    axis.text(
        0.99, FLOOR * LATENT - 0.15, "asked for by free bits and delta", small, transform=across
    )
    axis.text(0.99, 0.03, "collapsed", {**small, "color": "firebrick"}, transform=across)
    axis.set(xlabel="step", ylabel="rate, nats", ylim=(0, None))
    axis.legend(ncols=2)
    return figure
