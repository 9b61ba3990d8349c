"""The known mixture, on which samplers are measured, and the picture of it."""

from __future__ import annotations

import math

import pytest
import torch
from torch.distributions import Categorical, MixtureSameFamily, MultivariateNormal

from pushforward.pictures.solver_errors import KINDS, errors, order_of
from pushforward.solvers.known import two_bumps


@pytest.mark.parametrize("noise", [0.01, 0.7, 20.0])
def test_its_denoiser_is_tweedies_formula(noise):
    """By autograd through torch's density of the noisy mixture."""
    process = two_bumps()
    eye = (process.std**2 + noise**2) * torch.eye(2, dtype=torch.float64)
    density = MixtureSameFamily(
        Categorical(process.weights), MultivariateNormal(process.means, eye)
    )
    torch.manual_seed(0)
    x = (1 + noise) * torch.randn(7, 2, dtype=torch.float64).requires_grad_()
    (score,) = torch.autograd.grad(density.log_prob(x).sum(), x)
    torch.testing.assert_close(
        process.denoise(x, process.level_of(noise)), x + noise**2 * score, rtol=1e-9, atol=1e-9
    )


def test_levels_fall_from_most_to_least():
    process = two_bumps()
    for steps in (1, 2, 18):
        levels = process.levels(steps)
        noises = [level.noise for level in levels]
        assert len(levels) == steps + 1
        assert noises == sorted(noises, reverse=True)
        assert math.isclose(noises[0], 20.0)
        assert noises[-1] == 0
    assert math.isclose(process.levels(18)[-2].noise, 0.01)


def test_what_the_page_of_samplers_says_is_so():
    """Slopes are the orders, and calls are counted as they are made."""
    for name, (calls, values) in errors(8).items():
        kind = KINDS[name]
        assert order_of(calls, values) == pytest.approx(kind.order, abs=0.15), name
        assert calls[-1] == (319 if kind.each == 2 else 320)
