"""Times that fall, stand or turn round, and states of several tensors, against closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp

from pushforward.solvers.adaptive import DormandPrince
from pushforward.solvers.fixed import Euler, RungeKutta4

SOLVERS = [RungeKutta4(50), DormandPrince(1e-8, 1e-8)]
WAYS = [
    [0.0, 0.5, 1.0, 2.0],
    [2.0, 1.0, 0.5, 0.0],
    [1.0, 1.0],
    [1.0, 1.0, 1.0],
    [0.0, 1.0, 0.0],
    [0.0, 2.0, 2.0, 0.5, 1.5, 1.5, -1.0],
    [3.0],
]


@pytest.mark.parametrize("solver", SOLVERS, ids=str)
@pytest.mark.parametrize("times", WAYS, ids=str)
def test_every_way_through_time(solver, times) -> None:
    """dy/dt = y cos t has y(t) = y(s) exp(sin t - sin s), whichever way time goes."""
    y = torch.tensor([[1.0, -2.0]], dtype=torch.float64)
    found = solver.solve(lambda t, y: y * math.cos(t), y, times)
    expected = torch.stack([y * math.exp(math.sin(t) - math.sin(times[0])) for t in times])
    assert found.shape == expected.shape
    assert torch.allclose(found, expected, rtol=1e-6)


def test_a_path_of_no_length() -> None:
    path = DormandPrince().path(lambda t, y: y, torch.ones(2), 1.0, 1.0)
    assert torch.equal(path.at(1.0), torch.ones(2))


@pytest.mark.parametrize("solver", SOLVERS, ids=str)
def test_times_may_be_a_tensor(solver) -> None:
    y = torch.ones(1, dtype=torch.float64)
    found = solver.solve(lambda t, y: y, y, torch.linspace(0, 1, 3, dtype=torch.float64))
    assert torch.allclose(found[:, 0], torch.tensor([0.0, 0.5, 1.0]).double().exp(), rtol=1e-6)


@pytest.mark.parametrize("solver", [Euler(2), DormandPrince()], ids=str)
@pytest.mark.parametrize("times", [[], [0.0, math.nan], [0.0, math.inf]])
def test_times_that_are_none_are_refused(solver, times) -> None:
    with pytest.raises(ValueError, match="times must be finite numbers, at least one"):
        solver.solve(lambda t, y: y, torch.ones(1), times)


@pytest.mark.parametrize("solver", SOLVERS, ids=str)
def test_states_of_several_tensors(solver) -> None:
    """A spring against scipy: place (2, 3) and speed (6,) of another shape."""
    place, speed = torch.randn(2, 3).double(), torch.randn(6).double()
    times = [0.0, 0.7, 0.2]

    def field(t, state):
        x, v = state
        return v.view(2, 3), -4 * x.flatten() - 0.1 * v

    found = solver.solve(field, (place, speed), times)
    assert [tuple(part.shape) for part in found] == [(3, 2, 3), (3, 6)]

    def flat(t, s):
        return np.concatenate([s[6:], -4 * s[:6] - 0.1 * s[6:]])

    start = np.concatenate([place.flatten().numpy(), speed.numpy()])
    there = solve_ivp(flat, (0, 0.7), start, t_eval=[0.2, 0.7], rtol=1e-10, atol=1e-12).y
    assert np.allclose(found[0][1].flatten().numpy(), there[:6, 1], rtol=1e-6)
    assert np.allclose(found[1][2].numpy(), there[6:, 0], rtol=1e-6)


def test_gradients_through_several_tensors() -> None:
    a = torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
    y = (torch.ones(1).double(), torch.ones(1).double())
    end = RungeKutta4(20).solve(lambda t, s: (a * s[0], -a * s[1]), y, [0.0, 1.0])
    (slope,) = torch.autograd.grad(end[0][-1].sum() + end[1][-1].sum(), a)
    assert slope.item() == pytest.approx(math.exp(0.5) - math.exp(-0.5), rel=1e-6)


def test_a_field_of_another_shape_is_refused() -> None:
    y = (torch.ones(2), torch.ones(3))
    with pytest.raises(ValueError, match=r"the field must give \[\(2,\), \(3,\)\], not "):
        Euler(1).solve(lambda t, s: (s[1], s[0]), y, [0.0, 1.0])
    with pytest.raises(ValueError, match="tensors of one type"):
        Euler(1).solve(lambda t, s: s, (torch.ones(2), torch.ones(3).double()), [0.0, 1.0])
