"""A picture of gradients through discrete choices: bias and variance, against enumeration."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..core.spaces import count
from ..objectives.discrete_gradients import (
    NVIL,
    REBAR,
    DisARM,
    GumbelRao,
    Reinforce,
    enumerated_gradient,
    of_temperature,
    one_gradient_each,
)
from ..probability.gumbel import ExpectationEstimator, Function, Relaxed, StraightThrough
from .gallery import picture
from .shown import blank

if TYPE_CHECKING:
    from .notebook import Sheet

TEMPERATURES = (0.1, 0.2, 0.4, 0.7, 1.0)


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
        rows = [bias_and_variance(estimator, t, draws) for t in _temperatures(estimator)]
        for axes, values in zip((left, right), zip(*rows)):
            _line(axes, name, list(values))
    left.set(xscale="log", yscale="log", xlabel="temperature", ylabel="bias (norm)")
    right.set(xscale="log", yscale="log", xlabel="temperature", ylabel="variance of a gradient")
    right.legend(fontsize=7, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


def estimators() -> dict[str, ExpectationEstimator]:
    """What is compared, by name; NVIL has learned its baseline for this problem."""
    return {
        "Gumbel-softmax": Relaxed(),
        "straight-through": StraightThrough(),
        "Gumbel-Rao": GumbelRao(),
        "REBAR": REBAR(),
        "REINFORCE": Reinforce(1),
        "REINFORCE, 2 draws": Reinforce(2),
        "NVIL": _learned(NVIL(4, 2, 8).double()),
        "DisARM": DisARM(),
    }


def bias_and_variance(
    estimator: ExpectationEstimator, temperature: float, draws: int
) -> tuple[float, float]:
    """|mean - exact| and the summed variance of `draws` gradients of the problem."""
    f, logits = problem()
    gradients = one_gradient_each(estimator, f, logits, draws, temperature)
    bias = (gradients.mean(0) - enumerated_gradient(f, logits)).norm()
    return bias.item(), gradients.var(0).sum().item()


def problem() -> tuple[Function, Tensor]:
    """f and logits (4, 2)."""
    weights = torch.tensor([0.4, 0.3, -0.2, 0.5], dtype=torch.float64)
    odds = torch.tensor([0.5, -1.0, 1.0, 0.0], dtype=torch.float64)
    f = lambda z: ((z[..., 1] * weights).sum(-1) - 0.45).square()  # noqa: E731
    return f, torch.stack([torch.zeros_like(odds), odds], -1)


def _learned(baseline: NVIL, steps: int = 60) -> NVIL:
    f, logits = problem()
    optimizer = torch.optim.Adam(baseline.parameters(), 0.02)
    for _ in range(steps):
        loss = -baseline.expectation(f, logits.expand(64, -1, -1), 1.0).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return baseline.eval()


def _temperatures(estimator: ExpectationEstimator) -> tuple[float, ...]:
    return TEMPERATURES if of_temperature(estimator) else (1.0,)


def _line(axes, name: str, values: list[float]) -> None:
    if len(values) > 1:
        axes.plot(TEMPERATURES, values, marker="o", label=name)
    else:
        axes.plot(TEMPERATURES, values * len(TEMPERATURES), linestyle="--", label=name)
