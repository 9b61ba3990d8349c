from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch
from gaussian_oracle import MEAN, STD, GaussianEps, flowed

from pushforward.core.spaces import Reals
from pushforward.models.score.ddpm import DDPM, ddpm_images
from pushforward.models.score.parametrisation import SmallVariance
from pushforward.solvers.diffusion import ancestral, ddim, dpm_solver_pp, heun
from pushforward.solvers.samplers import DDIM, Ancestral, DPMSolverPP, HeunSampler


def oracle(steps: int = 4000) -> DDPM:
    return DDPM(Reals((2,)), GaussianEps(steps), steps).double()


def error(solver, model: DDPM, steps: int) -> float:
    z = torch.tensor([[-1.3, 0.4], [0.2, 2.0]]).double()
    first = model.ladder[-1]
    truth = flowed(z, first.alpha, first.sigma)
    return (solver(model, z, steps) - truth).abs().max().item()


@pytest.mark.parametrize(("solver", "order"), [(ddim, 1), (dpm_solver_pp, 2)])
def test_order_of_convergence_on_a_gaussian(solver, order):
    model = oracle()
    errors = [error(solver, model, steps) for steps in (50, 100, 200)]
    slopes = [math.log2(a / b) for a, b in pairwise(errors)]
    assert errors[0] < 0.1
    for slope in slopes:
        assert slope == pytest.approx(order, abs=0.35)


def test_second_order_beats_first_at_equal_cost():
    model = oracle()
    first = error(ddim, model, 40)
    assert error(heun, model, 20) < first
    assert error(dpm_solver_pp, model, 40) < first / 3


def test_first_order_dpm_solver_is_ddim():
    model, z = oracle(100), torch.randn(5, 2).double()
    torch.testing.assert_close(dpm_solver_pp(model, z, 10, order=1), ddim(model, z, 10))


@pytest.mark.parametrize("sampler", [Ancestral(), DDIM(250, eta=1.0), DDIM(100, eta=0.5)])
def test_noisy_samplers_reach_the_gaussian(sampler):
    torch.manual_seed(0)
    model = oracle(500)
    x = sampler(model, torch.randn(20_000, 2).double())
    mean, std = torch.tensor(MEAN).double(), torch.tensor(STD).double()
    assert ((x.mean(0) - mean) / std).abs().max() < 0.03
    assert (x.std(0) / std - 1).abs().max() < 0.04


def test_ddim_with_eta_one_is_ancestral_with_small_variance():
    model = DDPM(Reals((2,)), GaussianEps(30), 30, variance=SmallVariance()).double()
    z = torch.randn(4, 2).double()
    torch.manual_seed(3)
    one = ancestral(model, z)
    torch.manual_seed(3)
    torch.testing.assert_close(ddim(model, z, None, 1.0), one)


@pytest.mark.parametrize("sampler", [DDIM(10), HeunSampler(10), DPMSolverPP(10)])
def test_push_is_sampling_without_noise(sampler):
    model = oracle(50)
    model.sampler = sampler
    torch.manual_seed(0)
    z = model.latents(4)
    torch.manual_seed(0)
    torch.testing.assert_close(model.sample(4), model.push(z), rtol=0, atol=0)


def test_push_of_an_ancestral_model_is_deterministic():
    model = ddpm_images()
    model.sampler = Ancestral()
    z = model.latents(3)
    assert torch.equal(model.push(z), model.push(z))
    assert model.push(z).dtype == torch.uint8
