"""A small problem on which estimates of gradients through discrete choices can be told apart.

    E f(z),   f(z) = (w z - 0.45)^2,   z four bits

Four bits have sixteen values, so that the gradient is a sum. With one bit it is the toy problem of
REBAR, Tucker et al. (2017), arXiv:1703.07370, section 4.1.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..objectives.discrete_gradients import (
    NVIL,
    REBAR,
    DisARM,
    GumbelRao,
    Reinforce,
    enumerated_gradient,
    one_gradient_each,
)
from ..probability.gumbel import ExpectationEstimator, Function, Relaxed, StraightThrough


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
