from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

import pytest
import torch
from gaussian_oracle import MEAN, STD, GaussianEps, flowed
from mixture_oracle import (
    MEANS,
    WEIGHTS,
    KnownDDPM,
    KnownEDM,
    KnownFlow,
    KnownNCSN,
    KnownSDE,
    mixture,
    net,
)
from mixture_oracle import STD as PART

from pushforward.core.checkpoint import load, save
from pushforward.core.spaces import Reals
from pushforward.models.score.ddpm import DDPM, ddpm_images
from pushforward.models.score.diffusion import Diffusion
from pushforward.models.score.parametrisation import SmallVariance
from pushforward.probability.diffusion_paths import VE, VP, SubVP
from pushforward.solvers.diffusion import ancestral, ddim, heun
from pushforward.solvers.multistep import dpm_solver_pp
from pushforward.solvers.samplers import (
    DDIM,
    DPMSDE,
    Adaptive,
    Ancestral,
    AnnealedLangevin,
    DPMSolverPP,
    HeunSampler,
    PredictorCorrector,
    UniPC,
)
from pushforward.solvers.spacing import EvenTimes, Karras, Listed, LogSNR


def oracle(steps: int = 4000) -> DDPM:
    return DDPM(Reals((2,)), GaussianEps(steps), steps).double()


def error(solver, model: DDPM, steps: int) -> float:
    z = torch.tensor([[-1.3, 0.4], [0.2, 2.0]]).double()
    first = model.ladder[-1]
    truth = flowed(z, first.alpha, first.sigma)
    return (solver(model, z, model.levels(steps)) - truth).abs().max().item()


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
    levels = model.levels(10)
    torch.testing.assert_close(dpm_solver_pp(model, z, levels, order=1), ddim(model, z, levels))


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
    one = ancestral(model, z, model.levels())
    torch.manual_seed(3)
    torch.testing.assert_close(ddim(model, z, model.levels(), 1.0), one)


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


KNOWN: dict[str, Callable[[], Diffusion]] = {
    "ddpm": lambda: KnownDDPM(Reals((2,)), net(), 1000),
    "ncsn": lambda: KnownNCSN(Reals((2,)), net(), most=20.0, least=0.01, rungs=30),
    "vp": lambda: KnownSDE(Reals((2,)), net(), VP()),
    "edm": lambda: KnownEDM(Reals((2,)), net()),
    "flow": lambda: KnownFlow(Reals((2,)), net()),
}
EVERY = [
    Ancestral(120, spacing=LogSNR()),
    DDIM(60, spacing=Karras()),
    DDIM(120, 1.0, spacing=Karras()),
    HeunSampler(20, spacing=Karras()),
    HeunSampler(40, churn=10.0, spacing=Karras()),
    DPMSolverPP(20, spacing=LogSNR()),
    DPMSolverPP(20, 3, spacing=Karras()),
    DPMSolverPP(40, eta=1.0, spacing=LogSNR()),
    DPMSDE(40, spacing=LogSNR()),
    UniPC(12, spacing=LogSNR()),
    Adaptive(),
    PredictorCorrector(120, snr=0.1, spacing=LogSNR()),
]


@pytest.mark.parametrize("name", KNOWN)
@pytest.mark.parametrize("sampler", EVERY, ids=str)
def test_any_sampler_draws_from_any_diffusion(name, sampler):
    """The moments of a mixture, by the papers' spacings on each other's paths."""
    torch.manual_seed(0)
    model = KNOWN[name]().double()
    model.sampler = sampler
    x = model.sample(3000)
    mean = WEIGHTS @ MEANS
    variance = (WEIGHTS[:, None] * (MEANS - mean) ** 2).sum(0) + PART**2
    assert ((x.mean(0) - mean).abs() < 5 * (variance / 3000).sqrt() + 0.02).all()
    assert (x.var(0) / variance - 1).abs().max() < 0.12


PATHS = {
    **KNOWN,
    "sub-vp": lambda: KnownSDE(Reals((2,)), net(), SubVP()),
    "ve": lambda: KnownSDE(Reals((2,)), net(), VE()),
}


@pytest.mark.parametrize("name", PATHS)
def test_levels_of_a_time_and_of_a_noise_agree(name):
    model = PATHS[name]().double()
    own = model.levels(7)[:-1]
    for level in (level for level in own if level.alpha > 0):
        for again in (model.level_at(level.t), model.level_of(level.noise)):
            for value in ("t", "alpha", "sigma"):
                expected = getattr(level, value)
                assert getattr(again, value) == pytest.approx(expected, rel=1e-9, abs=1e-9)
    middle = model.level_of(0.77)
    alpha, sigma = model.at(torch.tensor([middle.t], dtype=torch.float64))
    assert middle.noise == pytest.approx(0.77)
    assert alpha.item() == pytest.approx(middle.alpha)
    assert sigma.item() == pytest.approx(middle.sigma)


def test_spacings_are_even_in_what_they_say():
    model = KnownEDM(Reals((2,)), net(), least=0.01, most=50.0)
    for spacing, scale in (
        (Karras(), lambda level: level.sigma ** (1 / 7)),
        (Karras(2.0), lambda level: level.sigma**0.5),
        (LogSNR(), lambda level: level.log_snr),
        (EvenTimes(), lambda level: level.t),
        (EvenTimes(2.0), lambda level: level.t**0.5),
    ):
        *noisy, data = spacing.levels(model, 9)
        assert len(noisy) == 9
        assert (noisy[0].sigma, noisy[-1].sigma, data.sigma) == (50, pytest.approx(0.01), 0)
        steps = [scale(b) - scale(a) for a, b in pairwise(noisy)]
        assert steps == pytest.approx([steps[0]] * 8)
    own, karras = ([v.sigma for v in x] for x in (model.levels(18), Karras().levels(model, 18)))
    assert own == pytest.approx(karras)
    assert [level.sigma for level in LogSNR().levels(model, 1)] == [50, 0]
    pure, *_ = LogSNR().levels(KnownFlow(Reals((2,)), net()), 5)
    assert (pure.alpha, pure.sigma) == (0, 1)


def test_a_list_of_times_is_taken_as_it_is():
    model = oracle(100)
    listed = Listed((100, 60, 20.5, 3))
    assert [level.t for level in listed.levels(model, None)] == [100, 60, 20.5, 3, 0]
    z = model.latents(5)
    levels = [*(model.level_at(t) for t in listed.times), model.levels(1)[-1]]
    torch.testing.assert_close(DDIM(spacing=listed)(model, z), ddim(model, z, levels))
    own = Listed(tuple(level.t for level in model.levels(10)[:-1]))
    torch.testing.assert_close(DDIM(spacing=own)(model, z), DDIM(10)(model, z))
    for times, said in (((50, 60), "noise must fall"), ((60, 60), "noise must fall")):
        with pytest.raises(ValueError, match=said):
            DDIM(spacing=Listed(times))(model, z)
    with pytest.raises(ValueError, match=r"times are 1 \.\. 100: there is no time 0"):
        DDIM(spacing=Listed((50, 0)))(model, z)
    with pytest.raises(ValueError, match="at least one"):
        Listed(())


def test_churn_is_algorithm_2_of_edm(monkeypatch):
    model = KnownEDM(Reals((2,)), net(), least=0.02, most=10.0).double()
    z, steps = torch.tensor([[-1.3, 0.4], [0.2, 1.0]]).double(), 8
    noise = torch.linspace(-1, 1, 4, dtype=torch.float64).view(2, 2)
    monkeypatch.setattr(torch, "randn_like", lambda x: noise)
    sampler = HeunSampler(steps, churn=2.0, churn_least=0.05, churn_most=8.0, churn_std=1.01)
    x, sigmas = 10 * z, [level.sigma for level in model.levels(steps)]
    for s, after in pairwise(sigmas):
        gamma = min(2.0 / steps, 2**0.5 - 1) if 0.05 <= s <= 8.0 else 0.0
        hat = s + gamma * s
        x_hat = x + (hat**2 - s**2) ** 0.5 * 1.01 * noise
        d = (x_hat - model.denoise(x_hat, model.level_of(hat))) / hat
        x = x_hat + (after - hat) * d
        if after > 0:
            d_after = (x - model.denoise(x, model.level_of(after))) / after
            x = x_hat + (after - hat) * (d + d_after) / 2
    torch.testing.assert_close(sampler(model, 10 * z), x)
    assert sampler.draws
    assert not HeunSampler().draws


def test_a_correction_is_algorithm_4_of_the_score_sde(monkeypatch):
    model = KnownSDE(Reals((2,)), net(), VE(0.1, 3.0)).double()
    x = z = torch.tensor([[-1.3, 0.4], [0.2, 1.0]]).double()
    noise, levels = torch.linspace(-1, 1, 4, dtype=torch.float64).view(2, 2), model.levels(3)
    monkeypatch.setattr(torch, "randn_like", lambda x: noise)
    for now, after in pairwise(levels[:-1]):
        mean, variance = model.reverse(x, now, after)
        x = mean + variance**0.5 * noise
        for _ in range(2):
            at = x.detach().requires_grad_()
            log_p = mixture(after.alpha, after.sigma).log_prob(at)
            (g,) = torch.autograd.grad(log_p.sum(), at)
            step = 2 * (0.2 * noise.norm(dim=1).mean() / g.norm(dim=1).mean()) ** 2
            x = x + step * g + (2 * step).sqrt() * noise
    x = model.reverse(x, levels[-2], levels[-1])[0]
    torch.testing.assert_close(PredictorCorrector(3, 2, 0.2)(model, z), x)


def test_one_step_is_the_denoised_noise_for_every_solver_of_the_flow():
    model = oracle(100)
    z = model.latents(3)
    expected = model.denoise(z, model.ladder[-1])
    for sampler in (DDIM(1), HeunSampler(1), DPMSolverPP(1), UniPC(1), DPMSDE(1, 0.0)):
        torch.testing.assert_close(sampler(model, z), expected)


@pytest.mark.parametrize(
    ("build", "said"),
    [
        *((lambda kind=kind: kind(0), "steps must be a whole number of at least 1") for kind in
          (Ancestral, DDIM, HeunSampler, DPMSolverPP, DPMSDE, UniPC, Adaptive, AnnealedLangevin)),
        (lambda: DDIM(eta=1.5), r"eta must be in \[0, 1\]"),
        (lambda: DPMSolverPP(eta=-0.5), r"eta must be in \[0, 1\]"),
        (lambda: DPMSDE(eta=2), r"eta must be in \[0, 1\]"),
        (lambda: DPMSolverPP(order=4), "order must be 1, 2 or 3"),
        (lambda: UniPC(order=0), "order must be 1, 2 or 3"),
        (lambda: HeunSampler(churn=-1.0), "churn must be a number of at least 0"),
        (lambda: HeunSampler(churn_least=2.0, churn_most=1.0), "churn_least must be below"),
        (lambda: Adaptive(atol=0.0), "tolerances must be positive"),
        (lambda: Karras(0.0), "rho must be a positive number"),
        (lambda: EvenTimes(-1.0), "power must be a positive number"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_said(build, said):
    with pytest.raises(ValueError, match=said):
        build()


def test_a_chain_has_no_more_steps_than_it_has_but_spacings_lie_between_them():
    model = oracle(20)
    with pytest.raises(ValueError, match="20 steps; 30 cannot be taken"):
        DDIM(30)(model, model.latents(2))
    with pytest.raises(ValueError, match="there is no level of"):
        model.level_of(1e-4)
    assert DDIM(30, spacing=LogSNR())(model, model.latents(2)).isfinite().all()


def test_samplers_are_records_of_checkpoints(tmp_path):
    sampler = HeunSampler(7, churn=3.0, spacing=Listed((5, 3, 1)))
    model = DDPM(Reals((2,)), net(), 5, sampler=sampler)
    loaded = load(save(model, tmp_path / "model.safetensors"))
    assert loaded.sampler == sampler
