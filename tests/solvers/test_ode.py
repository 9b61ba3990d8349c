"""Solvers against closed forms, torchdiffeq, and their orders of convergence."""

from __future__ import annotations

import math

import pytest
import torch
import torchdiffeq
from torch import nn

from pushforward.solvers.adaptive import DormandPrince, StepUnderflow
from pushforward.solvers.adjoint import solve_adjoint
from pushforward.solvers.fixed import Euler, FixedSteps, Heun, Midpoint, RungeKutta4
from pushforward.solvers.tableau import DORMAND_PRINCE

START = torch.tensor([[1.0, 0.5], [0.3, -0.2]], dtype=torch.float64)


def pendulum(t, y):
    angle, speed = y.unbind(-1)
    return torch.stack([speed, -angle.sin() + 0.3 * math.cos(2 * t)], -1)


def oracle(times, y=START):
    times = torch.tensor(times, dtype=torch.float64)
    return torchdiffeq.odeint(lambda t, y: pendulum(float(t), y), y, times, rtol=1e-12, atol=1e-12)


class FixedDormandPrince(FixedSteps):
    rule = DORMAND_PRINCE


@pytest.mark.parametrize(
    ("solver", "order"),
    [(Euler, 1), (Midpoint, 2), (Heun, 2), (RungeKutta4, 4), (FixedDormandPrince, 5)],
)
def test_orders_of_convergence(solver, order):
    exact = oracle([0.0, 2.0])[-1]
    errors = [(solver(n).solve(pendulum, START, (0.0, 2.0))[-1] - exact).norm() for n in (20, 40)]
    measured = math.log2(errors[0] / errors[1])
    assert abs(measured - order) < 0.15


@pytest.mark.parametrize("tolerance", [1e-4, 1e-7, 1e-10])
def test_dormand_prince_keeps_its_tolerance(tolerance):
    times = [0.0, 0.7, 1.3, 4.0]
    states = DormandPrince(tolerance, tolerance).solve(pendulum, START, times)
    assert (states - oracle(times)).abs().max() < 20 * tolerance


def test_backwards_and_dense_output():
    path = DormandPrince(1e-9, 1e-9).path(pendulum, START, 3.0, 0.0)
    for t in (2.9, 1.7, 0.4, 0.0):
        expected = oracle([3.0, t])[-1]
        torch.testing.assert_close(path.at(t), expected, atol=1e-7, rtol=0)
    assert torch.equal(path.at(3.0), START)


def test_as_few_calls_as_torchdiffeq():
    calls = 0

    def counted(t, y):
        nonlocal calls
        calls += 1
        return pendulum(float(t), y)

    times = torch.tensor([0.0, 10.0], dtype=torch.float64)
    torchdiffeq.odeint(counted, START, times, rtol=1e-6, atol=1e-6)
    assert DormandPrince(1e-6, 1e-6).path(pendulum, START, 0.0, 10.0).calls <= calls * 1.05


def test_a_blow_up_stops_with_time_and_advice():
    """dy/dt = y^2 from 1 is infinite at t = 1."""
    one = torch.ones(1, dtype=torch.float64)
    with pytest.raises(StepUnderflow, match=r"at t = (0\.9999|1).*raise the tolerances"):
        DormandPrince().solve(lambda t, y: y**2, one, (0.0, 2.0))
    with pytest.raises(StepUnderflow, match="5 steps were not enough"):
        DormandPrince(1e-9, 1e-9, most=5).solve(pendulum, START, (0.0, 10.0))
    with pytest.raises(StepUnderflow, match=r"not a number at t = 0.*lower the learning rate"):
        DormandPrince().solve(lambda t, y: y * float("nan"), one, (0.0, 1.0))
    with pytest.raises(ValueError, match="tolerances must be positive"):
        DormandPrince(atol=0.0)


class Field(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 2))

    def forward(self, t, y):
        return self.net(torch.cat([y, torch.full_like(y[..., :1], t)], -1))


@pytest.mark.parametrize("solver", [DormandPrince(1e-9, 1e-9), RungeKutta4(40)])
def test_adjoint_gradients_are_backpropagations(solver):
    torch.manual_seed(0)
    field, y = Field().double(), START.clone().requires_grad_()
    inputs = [y, *field.parameters()]
    direct = solver.solve(field, y, (0.0, 1.5))[-1]
    expected = torch.autograd.grad(direct.cos().sum(), inputs)
    state = solve_adjoint(solver, field, y, 0.0, 1.5, list(field.parameters()))
    torch.testing.assert_close(state, direct)
    found = torch.autograd.grad(state.cos().sum(), inputs)
    for one, other in zip(found, expected):
        torch.testing.assert_close(one, other, atol=1e-6, rtol=1e-5)


def test_the_adjoint_keeps_nothing_of_the_way():
    """The tensors saved for the backward pass do not grow with the steps."""
    field = Field().double()
    y = START.clone().requires_grad_()

    def saved(run):
        kept = []
        with torch.autograd.graph.saved_tensors_hooks(
            lambda t: kept.append(t.numel()), lambda n: n
        ):
            run()
        return sum(kept)

    def adjoint(steps):
        return lambda: solve_adjoint(
            RungeKutta4(steps), field, y, 0.0, 1.0, list(field.parameters())
        )

    assert saved(adjoint(5)) == saved(adjoint(50))
    direct = [saved(lambda n=n: RungeKutta4(n).solve(field, y, (0.0, 1.0))) for n in (5, 50)]
    assert direct[1] > 9 * direct[0]
