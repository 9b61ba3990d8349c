"""Score SDE, EDM and flow matching where the answer is known: on a Gaussian mixture."""

from __future__ import annotations

import math

import pytest
import torch
from mixture_oracle import MEANS, STD, WEIGHTS, KnownEDM, KnownFlow, KnownSDE, mixture, net
from scipy import integrate
from torch.distributions import Normal

from pushforward.core.dataset import Split
from pushforward.core.spaces import Pixels, Reals
from pushforward.metrics.likelihood import nats
from pushforward.models.score.diffusion import spread
from pushforward.models.score.edm import EDM
from pushforward.models.score.flow_matching import FlowMatching
from pushforward.models.score.score_sde import ScoreSDE
from pushforward.nn.unet import UNet
from pushforward.probability.diffusion_paths import VE, VP, NoiseLevel, Rectified, SubVP
from pushforward.probability.diffusion_schedules import CosineSchedule
from pushforward.solvers.samplers import (
    DDIM,
    AnnealedLangevin,
    DPMSolverPP,
    HeunSampler,
    PredictorCorrector,
)
from pushforward.solvers.spacing import Listed

SAMPLERS = [PredictorCorrector(100, 1, 0.1), DDIM(150), HeunSampler(40), DPMSolverPP(60)]
KNOWN = {
    "vp": lambda: KnownSDE(Reals((2,)), net(), VP()),
    "sub-vp": lambda: KnownSDE(Reals((2,)), net(), SubVP()),
    "ve": lambda: KnownSDE(Reals((2,)), net(), VE(0.005, 300.0), least=1e-5),
    "edm": lambda: KnownEDM(Reals((2,)), net()),
    "flow": lambda: KnownFlow(Reals((2,)), net()),
}


@pytest.mark.parametrize("name", KNOWN)
def test_log_prob_of_the_probability_flow_is_the_truth(name):
    torch.manual_seed(0)
    model = KNOWN[name]().double()
    x = mixture().sample((200,))
    error = model.estimated_log_prob(x, steps=60) - mixture().log_prob(x)
    assert error.abs().max() < 0.02
    usual = model.estimated_log_prob(x) - mixture().log_prob(x)
    assert usual.mean().abs() < 0.01, "with the steps that are taken where nobody says how many"
    assert usual.abs().max() < 0.04


def test_the_estimates_steps_are_not_the_samplers_but_even_in_log_snr():
    """A spike of width 0.003: with even times 25 steps would jump over it."""

    class Spike(FlowMatching):
        """Data N(0, 0.003^2)."""

        def denoise_at(self, x, t, *conditions):
            alpha, sigma = (spread(v, x) for v in self.at(t))
            return alpha * 0.003**2 / (alpha**2 * 0.003**2 + sigma**2) * x

    torch.manual_seed(0)
    model = Spike(Reals((2,)), net()).double()
    x = 0.003 * torch.randn(50, 2, dtype=torch.float64)
    alpha, sigma = model.at(torch.tensor(1e-3, dtype=torch.float64))
    truth = Normal(0.0, ((alpha * 0.003) ** 2 + sigma**2).sqrt()).log_prob(x).sum(1)
    found = model.estimated_log_prob(x)
    torch.testing.assert_close(found, truth, rtol=0, atol=0.01)
    exact = model.estimated_log_prob(x, tolerance=1e-9)
    torch.testing.assert_close(exact, truth, rtol=0, atol=1e-5)
    kind = "estimate (DormandPrince of rtol 1e-06, atol 1e-06, exact divergence)"
    assert str(model.estimate_kind(tolerance=1e-6)) == kind


def test_log_prob_is_of_what_the_model_is_told_and_metrics_reach_it():
    torch.manual_seed(0)
    model = KnownSDE(Reals((2,)), net(classes=2)).double()
    y = torch.randint(2, (100,))
    x = MEANS[y] + STD * torch.randn(100, 2, dtype=torch.float64)
    truth = Normal(MEANS[y], STD).log_prob(x).sum(1)
    found = model.estimated_log_prob(x, y)
    torch.testing.assert_close(found, truth, rtol=0, atol=0.04)
    measured = nats(model, Split((x, y)), examples=100)
    assert measured.value == pytest.approx(-truth.mean().item(), abs=0.01)
    with pytest.raises(ValueError, match=r"told Labels.*got none"):
        model.estimated_log_prob(x)


def test_hutchinson_estimates_the_exact_divergence():
    torch.manual_seed(0)
    model = KNOWN["vp"]().double()
    x = mixture().sample((1,))
    exact = model.estimated_log_prob(x, steps=25)
    drawn = model.estimated_log_prob(x.expand(4000, -1), steps=25, probes=2)
    error = drawn.std().item() / 4000**0.5
    assert drawn.mean().item() == pytest.approx(exact.item(), abs=4 * error)


@pytest.mark.parametrize("name", KNOWN)
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_samples_have_the_moments_of_the_mixture(name, sampler):
    torch.manual_seed(0)
    model = KNOWN[name]().double()
    model.sampler = sampler
    x = model.sample(3000)
    mean = WEIGHTS @ MEANS
    spread_of_means = (WEIGHTS[:, None] * (MEANS - mean) ** 2).sum(0)
    assert (x.mean(0) - mean).abs().max() < 0.07
    assert (x.var(0) / (spread_of_means + STD**2) - 1).abs().max() < 0.1


@pytest.mark.parametrize("path", [VP(), SubVP(), VE(), Rectified(), NoiseLevel()])
def test_slopes_are_derivatives(path):
    t = torch.linspace(0.05, 0.95, 7, dtype=torch.float64)
    for value, slope in zip(zip(path.at(t + 1e-6), path.at(t - 1e-6)), path.slopes(t)):
        torch.testing.assert_close((value[0] - value[1]) / 2e-6, slope, rtol=1e-6, atol=1e-7)


def test_vp_decay_is_the_integral_of_its_rate():
    path = VP()
    total, _ = integrate.quad(lambda t: path.first + (path.last - path.first) * t, 0, 0.6)
    alpha, sigma = path.at(torch.tensor([0.6], dtype=torch.float64))
    assert alpha.item() == pytest.approx(math.exp(-total / 2))
    assert (alpha**2 + sigma**2).item() == pytest.approx(1)
    assert SubVP().at(torch.tensor([0.6]))[1].item() == pytest.approx(1 - math.exp(-total))


def test_edm_levels_and_preconditioning():
    torch.manual_seed(0)
    model = EDM(Reals((2,)), net()).double()
    sigmas = [level.sigma for level in model.levels(18)]
    assert len(sigmas) == 19
    assert sigmas[0] == pytest.approx(80)
    assert sigmas[-2] == pytest.approx(0.002)
    expected = (80 ** (1 / 7) + 5 / 17 * (0.002 ** (1 / 7) - 80 ** (1 / 7))) ** 7
    assert sigmas[5] == pytest.approx(expected)
    # A network that says 0 is the best linear denoiser of N(0, data_std^2), and its loss is 1.
    for p in model.network.parameters():
        torch.nn.init.zeros_(p)
    x = 0.5 * torch.randn(50_000, 2, dtype=torch.float64)
    assert model.loss(x)["denoising"].mean().item() == pytest.approx(1, abs=0.02)


def test_pixels_are_dequantised_with_their_volume():
    """A score network for uniform dequantised noise: p(x) is about levels^-D on its support."""

    class Flat(ScoreSDE):
        """Data N(0, 1/3) per pixel, as wide as the uniform on [-1, 1]."""

        def denoise_at(self, x, t, y=None):
            alpha, sigma = (spread(v, x) for v in self.at(t))
            return alpha / 3 / (alpha**2 / 3 + sigma**2) * x

    torch.manual_seed(0)
    space = Pixels(1, 2, 1, levels=256)
    model = Flat(space, UNet(1, width=4, multipliers=(1,), blocks=1)).double()
    x = torch.tensor([100, 180], dtype=torch.uint8).view(1, 1, 2, 1)
    truth = Normal(0.0, 3**-0.5).log_prob(space.to_signed(x, torch.float64)).sum()
    expected = truth + 2 * math.log(2 / 255)
    torch.testing.assert_close(
        model.estimated_log_prob(x, steps=40)[0], expected, rtol=0, atol=0.03
    )


@pytest.mark.parametrize("levels", [2, 5, 256])
def test_dequantised_bins_touch_and_do_not_overlap(levels):
    space = Pixels(1, 1, 1, levels=levels)
    model = ScoreSDE(space, UNet(1, width=4, multipliers=(1,), blocks=1)).double()
    x = torch.arange(2, dtype=torch.uint8).view(2, 1, 1, 1).repeat(2000, 1, 1, 1)
    spread_out, width = model._dequantised(x)
    low, high = space.to_signed(x[:2], torch.float64).flatten().tolist()
    assert width == pytest.approx(high - low)
    lower, upper = spread_out.view(-1, 2).T
    assert lower.max() <= (low + high) / 2 <= upper.min()
    assert upper.min() - lower.max() < 0.01 * width


@pytest.mark.parametrize("name", ["vp", "edm", "flow"])
@pytest.mark.parametrize("times", [(0.5, -0.5), (0.5, 0.0), (200.0, 0.5), (float("nan"), 0.5)])
def test_times_that_a_path_does_not_have_are_refused(name, times):
    model = KNOWN[name]()
    model.sampler = DDIM(spacing=Listed(times))
    with pytest.raises(ValueError, match="there is no time"):
        model.sample(2)


BAD = {
    "VP falls": (lambda: VP(20.0, 0.1), "rates of a path must be positive and not fall"),
    "sub-VP below zero": (lambda: SubVP(-1.0, 2.0), "rates of a path must be positive"),
    "offset": (lambda: CosineSchedule(-1.0), "offset of a schedule must not be below 0"),
    "corrections' noise": (lambda: PredictorCorrector(5, 1, -1.0), "snr must be a positive"),
    "Langevin backwards": (lambda: AnnealedLangevin(step=-1.0), "step must be a positive"),
    "crowding": (lambda: EDM(Reals((2,)), net(), rho=0.0), "rho and log_std must be positive"),
    "endless": (lambda: EDM(Reals((2,)), net(), most=math.inf), "noise levels and data_std must"),
}


@pytest.mark.parametrize("name", BAD)
def test_settings_without_sense_are_refused_where_they_are_given(name):
    build, words = BAD[name]
    with pytest.raises(ValueError, match=words):
        build()


def test_a_path_that_does_not_end_near_noise_tells_its_signal():
    with pytest.warns(UserWarning, match=r"VP.*does not end near noise.*still 17.*more noise"):
        ScoreSDE(Reals((2,)), net(), VP(0.01, 0.1))
