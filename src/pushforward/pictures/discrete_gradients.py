"""A picture of gradients through discrete choices: bias and variance, against enumeration."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from ..core.spaces import count
from ..theory.discrete_problem import bias_and_variance, estimators
from .gallery import picture
from .shown import blank

if TYPE_CHECKING:
    from .notebook import Sheet

TEMPERATURES = (0.1, 0.2, 0.4, 0.7, 1.0)
HEATED = ("Gumbel-softmax", "straight-through", "Gumbel-Rao", "REBAR")  # those that have one


@picture
def draw(draws: int = 100_000, seed: int = 0) -> Sheet:
    """How far the mean gradient is from the enumerated one, and how much single ones vary.

    Of E f(z) for four bits z and f = (w z - 0.45)^2 with weights w: over the temperature for
    estimators that have one, as a dashed line for those that have none. What is unbiased shows the
    noise of so many draws. VIMCO is left out: it follows another bound.
    """
    torch.manual_seed(seed)
    count("draws", draws, 2)
    figure = blank(9.2, 3.8)
    left, right = figure.subplots(1, 2)
    for name, estimator in estimators().items():
        rows = [bias_and_variance(estimator, t, draws) for t in _temperatures(name)]
        for axes, values in zip((left, right), zip(*rows)):
            _line(axes, name, list(values))
    left.set(xscale="log", yscale="log", xlabel="temperature", ylabel="bias (norm)")
    right.set(xscale="log", yscale="log", xlabel="temperature", ylabel="variance of a gradient")
    right.legend(fontsize=7, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


def _temperatures(name: str) -> tuple[float, ...]:
    return TEMPERATURES if name in HEATED else (1.0,)


def _line(axes, name: str, values: list[float]) -> None:
    if len(values) > 1:
        axes.plot(TEMPERATURES, values, marker="o", label=name)
    else:
        axes.plot(TEMPERATURES, values * len(TEMPERATURES), linestyle="--", label=name)
