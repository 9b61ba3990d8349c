"""How fast the error of each sampler falls with its steps, where the flow is known.

The oracle is scipy's DOP853 on the probability flow of a Gaussian mixture, and for samplers that
draw noise the closed form of a Gaussian, whose moments are had without drawing.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache, partial
from itertools import pairwise

import numpy as np
import pytest
import torch
from mixture_oracle import KnownDDPM, KnownEDM, best, net
from scipy.integrate import solve_ivp
from torch import Tensor

from pushforward.core.spaces import Reals
from pushforward.models.score.diffusion import Diffusion, spread
from pushforward.models.score.edm import EDM
from pushforward.solvers import multistep
from pushforward.solvers.diffusion import Level, ancestral, ddim, heun
from pushforward.solvers.multistep import dpm_solver_pp, unipc
from pushforward.solvers.single_step import adaptive_ode, dpm_sde
from pushforward.solvers.spacing import Karras

MODELS = {
    "edm": (KnownEDM(Reals((2,)), net(), least=0.01).double(), Karras()),
    "ddpm": (KnownDDPM(Reals((2,)), net(), 1000).double(), Karras(5.0)),
}
STARTS = torch.tensor(
    [[-1.3, 0.4], [0.2, 2.0], [0.7, -0.5], [-0.1, -0.2], [1.5, 1.0], [-0.6, -1.7]],
    dtype=torch.float64,
)


def flowed(x: Tensor, now: Level, after: Level) -> Tensor:
    """Where the probability flow of the mixture takes `x`, in the angle atan(sigma / alpha)."""

    def slope(phi: float, y: np.ndarray) -> np.ndarray:
        y, alpha, sigma = torch.from_numpy(y).view(-1, 2), math.cos(phi), math.sin(phi)
        x0 = best(y, *(torch.full((len(y), 1), v).double() for v in (alpha, sigma)))
        return (alpha * (y - alpha * x0) / sigma - sigma * x0).flatten().numpy()

    ends = [math.atan2(level.sigma, level.alpha) for level in (now, after)]
    y = (x / math.hypot(now.alpha, now.sigma)).flatten().numpy()
    end = solve_ivp(slope, ends, y, method="DOP853", rtol=1e-10, atol=1e-11).y[:, -1]
    return torch.from_numpy(end).view(-1, 2) * math.hypot(after.alpha, after.sigma)


@lru_cache
def ends(name: str) -> tuple[Tensor, Tensor]:
    """Noise of the first level, and the data that it flows to."""
    model, spacing = MODELS[name]
    first, *_, last, _ = spacing.levels(model, 10)
    x = first.sigma * STARTS
    return x, model.denoise(flowed(x, first, last), last)


def slope(errors: list[float], factor: float) -> float:
    return math.log(errors[0] / errors[1]) / math.log(factor)


SOLVERS: dict[str, tuple[Callable, float]] = {
    "ddim": (ddim, 1),
    "heun": (heun, 2),
    "2m": (dpm_solver_pp, 2),
    "3m": (partial(dpm_solver_pp, order=3), 3),
    "2s": (partial(dpm_sde, eta=0.0), 2),
    "unipc 1": (partial(unipc, order=1), 2),
    "unipc 2": (partial(unipc, order=2), 3),
    "unipc 3": (unipc, 4),
}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("solver", SOLVERS)
def test_the_error_falls_with_the_solvers_order(name, solver):
    """Of any path, by the spacing of any other paper."""
    model, spacing = MODELS[name]
    (solve, order), (x, truth) = SOLVERS[solver], ends(name)
    found = [solve(model, x, spacing.levels(model, n)) for n in (60, 180)]
    errors = [(f - truth).norm().item() for f in found]
    assert errors[0] < 0.2
    assert slope(errors, 3) > order - 0.1
    assert slope(errors, 3) < order + 0.6


def test_the_third_order_needs_its_second_differences_whole(monkeypatch):
    """With half of them, as k-diffusion and the official code have it, it is of second order."""
    model, spacing = MODELS["edm"]
    x, truth = ends("edm")
    weighed = multistep._weighed

    def half(past, after, order, eta):
        whole = weighed(past, after, order, eta)
        if len(past) < 3 or math.isinf(after.log_snr):
            return whole
        (l_0, d_0), (l_1, d_1), (l_2, d_2) = past
        h = after.log_snr - l_0
        r_0, r_1 = (l_0 - l_1) / h, (l_1 - l_2) / h
        bend = ((d_0 - d_1) / r_0 - (d_1 - d_2) / r_1) / (r_0 + r_1)
        return whole + ((math.expm1(-h) / h + 1) / h - 0.5) * bend

    monkeypatch.setattr(multistep, "_weighed", half)
    found = [dpm_solver_pp(model, x, spacing.levels(model, n), 3) for n in (60, 180)]
    assert slope([(f - truth).norm().item() for f in found], 3) < 2.2


def test_heun_on_ddpms_own_levels_loses_its_order_in_the_last_step():
    """Down to the last noisy level it is of second order; sigma^2 there falls like 1 / N only.

    The step from there to no noise at all is Euler's, whose error is of order sigma^2.
    """
    model = KnownDDPM(Reals((2,)), net(), 4000).double()
    first = model.levels(1)[0]
    x, counts = first.sigma * STARTS, (50, 200)
    clean = flowed(x, first, Level(0, 1.0, 1e-5))
    whole, noisy, last, sigmas = [], [], [], []
    for n in counts:
        *levels, data = model.levels(n)
        exact = flowed(x, first, levels[-1])
        whole.append((heun(model, x, [*levels, data]) - clean).norm().item())
        noisy.append((heun(model, x, levels) - exact).norm().item())
        last.append((model.denoise(exact, levels[-1]) - clean).norm().item())
        sigmas.append(levels[-1].sigma)
    assert slope(noisy, 4) > 1.9
    assert slope(last, 4) < 1.7
    assert slope(whole, 4) < 1.8
    assert slope(last, 4) == pytest.approx(slope([s**2 for s in sigmas], 4), abs=0.1)


@pytest.mark.parametrize("name", MODELS)
def test_the_adaptive_sampler_keeps_its_tolerance(name):
    model, spacing = MODELS[name]
    x, truth = ends(name)
    levels, calls = spacing.levels(model, 10), []
    counted = Counted(model, calls)
    for tolerance, most in ((1e-3, 150), (1e-6, 500)):
        calls.clear()
        error = (adaptive_ode(counted, x, levels, tolerance, tolerance) - truth).abs().max().item()
        assert error < 30 * tolerance
        assert len(calls) < most


class Counted:
    """A process that counts how often its denoiser is asked."""

    def __init__(self, model: Diffusion, calls: list[Level]):
        self.model, self.calls = model, calls
        self.level_of, self.levels = model.level_of, model.levels

    def denoise(self, x, level):
        self.calls.append(level)
        return self.model.denoise(x, level)


@pytest.mark.parametrize(
    ("solver", "calls"),
    [(ddim, 10), (dpm_solver_pp, 10), (unipc, 10), (heun, 19), (partial(dpm_sde, eta=0.0), 19)],
)
def test_what_a_step_costs(solver, calls):
    model, asked = MODELS["edm"][0], []
    solver(Counted(model, asked), ends("edm")[0], model.levels(10))
    assert len(asked) == calls


class Gaussian(EDM):
    """Data N(1, 0.5^2)."""

    def denoise_at(self, x, t, y=None):
        return 1 + 0.25 / (0.25 + spread(t, x) ** 2) * (x - 1)


def moments(solve: Callable, model: EDM, steps: int, monkeypatch) -> tuple[float, float]:
    """Mean and variance at the last noisy level, of what is affine in all noise that is drawn.

    Row 0 gets no noise, row j the unit in the j-th draw: their differences are the columns of the
    map from noise to the sample.
    """
    levels = Karras().levels(model, steps)[:-1]
    drawn = 0

    def unit(x: Tensor) -> Tensor:
        nonlocal drawn
        drawn += 1
        column = torch.zeros_like(x)
        column[1 + drawn] = 1
        return column

    monkeypatch.setattr(torch, "randn_like", unit)
    x = torch.ones(2 + 2 * steps, 1, dtype=torch.float64)
    x[1] += math.sqrt(0.25 + levels[0].sigma ** 2)
    end = solve(model, x, levels)[:, 0]
    return end[0].item(), (end[1:] - end[0]).square().sum().item()


NOISY: dict[str, tuple[Callable, float]] = {
    "ancestral": (ancestral, 1),
    "ddim, eta 1": (partial(ddim, eta=1.0), 1),
    "ddim, eta 1/2": (partial(ddim, eta=0.5), 1),
    "2m, eta 1": (partial(dpm_solver_pp, eta=1.0), 2),
    "2m, eta 1/2": (partial(dpm_solver_pp, eta=0.5), 2),
    "3m, eta 1": (partial(dpm_solver_pp, order=3, eta=1.0), 2),  # of the ODE it is of order 3
    "2s, eta 1": (dpm_sde, 1),
}


@pytest.mark.parametrize("solver", NOISY)
def test_the_moments_of_noisy_samplers_converge_with_their_order(solver, monkeypatch):
    """From the exact noisy Gaussian they lead to the exact one; only steps are to blame."""
    model = Gaussian(Reals((1,)), net(), least=0.05).double()
    solve, order = NOISY[solver]
    errors = []
    for steps in (40, 120):
        mean, variance = moments(solve, model, steps, monkeypatch)
        assert mean == pytest.approx(1, abs=1e-9)
        errors.append(abs(variance - 0.25 - 0.05**2))
    assert errors[0] < 0.2
    assert slope(errors, 3) > order - 0.25


def test_euler_ancestral_of_k_diffusion_is_ddim_with_eta_one(monkeypatch):
    model = MODELS["edm"][0]
    x, levels = ends("edm")[0], model.levels(12)
    noise = torch.linspace(-1, 1, x.numel(), dtype=torch.float64).view_as(x)
    monkeypatch.setattr(torch, "randn_like", lambda x: noise)
    expected = x
    for now, after in pairwise(levels):  # sample_euler_ancestral and get_ancestral_step
        s, s_to = now.sigma, after.sigma
        up = min(s_to, (s_to**2 * (s**2 - s_to**2) / s**2) ** 0.5)
        down = (s_to**2 - up**2) ** 0.5
        d = (expected - model.denoise(expected, now)) / s
        expected = expected + d * (down - s)
        expected = expected + noise * up if s_to > 0 else expected
    torch.testing.assert_close(ddim(model, x, levels, 1.0), expected)
