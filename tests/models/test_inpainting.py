"""Filling in what is missing, where the conditional density is known."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from pushforward.core.spaces import Pixels, Reals
from pushforward.models.score.consistency import Consistency
from pushforward.models.score.ddpm import DDPM
from pushforward.models.score.diffusion import spread
from pushforward.models.score.edm import EDM
from pushforward.models.score.flow_matching import FlowMatching
from pushforward.models.score.guidance import Guided
from pushforward.models.score.score_network import ScoreNetwork
from pushforward.nn.denoiser import TimeMLP
from pushforward.nn.unet import UNet
from pushforward.solvers.diffusion import Level, posterior
from pushforward.solvers.inpainting import inpaint, lifted
from pushforward.solvers.samplers import Ancestral, HeunSampler

SLOPE, KEPT = 0.8, 0.36  # x_2 | x_1 ~ N(0.8 x_1, 0.36): both of variance 1


class Pair:
    """Mixed into a diffusion: the best denoiser of two correlated Gaussian numbers."""

    def denoise_at(self, x: Tensor, t: Tensor, *conditions: Tensor) -> Tensor:
        alpha, sigma = (spread(v, x) for v in self.at(t))
        ways, total = torch.tensor([[1.0, 1.0], [1.0, -1.0]], dtype=x.dtype) / 2**0.5, 0.0
        for way, variance in zip(ways, (1 + SLOPE, 1 - SLOPE)):  # the covariance's own axes
            gain = alpha * variance / (alpha**2 * variance + sigma**2)
            total = total + gain * (x @ way)[:, None] * way
        return total

    def reverse(self, x, now, after, *conditions):
        return posterior(x, self.denoise(x, now, *conditions), now, after)


class PairEDM(Pair, EDM):
    pass


class PairFlow(Pair, FlowMatching):
    pass


class PairDDPM(Pair, DDPM):
    pass


def net() -> TimeMLP:
    return TimeMLP(2, width=8, layers=1)


MODELS = {
    "edm": lambda: PairEDM(Reals((2,)), net(), least=0.02, most=20.0, sampler=HeunSampler(60)),
    "flow": lambda: PairFlow(Reals((2,)), net(), Ancestral(60)),
    "ddpm": lambda: PairDDPM(Reals((2,)), net(), 200, sampler=Ancestral()),
}


@pytest.mark.parametrize("name", ["edm", "flow", pytest.param("ddpm", marks=pytest.mark.slow)])
def test_repeats_lead_to_the_conditional_density(name):
    """Replacement alone forgets half of what is known; ten rounds have it."""
    model = MODELS[name]().double()
    x = torch.tensor([[1.5, 9.0]], dtype=torch.float64).repeat(2000, 1)
    known = torch.tensor([True, False])
    torch.manual_seed(0)
    means = []
    for repeats in (1, 10):
        drawn = model.complete(x, known, repeats=repeats)
        assert torch.equal(drawn[:, 0], x[:, 0])
        means.append(drawn[:, 1].mean().item())
    assert abs(means[1] - 1.5 * SLOPE) < 0.1
    assert abs(means[0] - 1.5 * SLOPE) > 2 * abs(means[1] - 1.5 * SLOPE)
    assert drawn[:, 1].var().item() == pytest.approx(KEPT, abs=0.1)


def test_lifting_is_the_chains_own_noise():
    """q(x_t | x_s) after q(x_s | x_0) is q(x_t | x_0)."""
    torch.manual_seed(0)
    low, high = Level(1, 0.9, 0.3), Level(2, 0.5, 0.8)
    x0 = torch.full((200_000,), 2.0, dtype=torch.float64)
    x = lifted(low.alpha * x0 + low.sigma * torch.randn_like(x0), low, high)
    assert x.mean().item() == pytest.approx(high.alpha * 2, abs=0.01)
    assert x.std().item() == pytest.approx(high.sigma, abs=0.01)


def test_nothing_known_is_sampling_and_all_known_is_no_question():
    model = MODELS["flow"]().double()
    model.sampler = Ancestral(10)
    x = torch.randn(5, 2, dtype=torch.float64)
    torch.manual_seed(1)
    free = model.complete(x, torch.tensor(False), repeats=1)
    torch.manual_seed(1)
    noise = model.latents(5)
    assert torch.equal(model.complete(x, torch.tensor(True)), x)
    torch.manual_seed(1)
    given = Guidelike(model)
    levels = model.sampler.levels(given)
    drawn = inpaint(given, levels[0].sigma * model.latents(5), levels, x, torch.zeros(5, 2) > 0)
    torch.testing.assert_close(free, drawn)
    assert not torch.equal(free, noise)


class Guidelike:
    def __init__(self, model):
        self.levels, self.reverse = model.levels, model.reverse


def test_known_pixels_stay_as_they_are_for_guided_models_too():
    space = Pixels(1, 4, 4, levels=256)
    torch.manual_seed(0)
    net = UNet(1, width=8, multipliers=(1,), blocks=1, attention=0, classes=2)
    model = Guided(EDM(space, net, sampler=HeunSampler(3)), 2)
    x = torch.randint(256, (3, 1, 4, 4), dtype=torch.uint8)
    known = torch.rand(3, 1, 4, 4) < 0.5
    drawn = model.complete(x, known, torch.tensor([0, 1, 2]), repeats=2)
    assert drawn.dtype == torch.uint8
    assert torch.equal(drawn[known], x[known])
    assert not torch.equal(drawn, x)


def test_no_rounds_are_refused():
    model = MODELS["flow"]().double()
    with pytest.raises(ValueError, match="repeats"):
        model.complete(torch.zeros(1, 2).double(), torch.tensor(True), repeats=0)


class Correlated(torch.nn.Module):
    """The score of two numbers of unit deviation and correlation 0.8."""

    def forward(self, x):
        return -x @ torch.linalg.inv(torch.tensor([[1.0, 0.8], [0.8, 1.0]], dtype=x.dtype))


def test_langevin_of_the_unknown_reaches_the_conditional_density():
    model = ScoreNetwork(Reals((2,)), Correlated(), steps=200, step=0.01)
    torch.manual_seed(0)
    x = torch.tensor([1.5, 9.0]).expand(5000, 2)
    drawn = model.complete(x, torch.tensor([True, False]))
    assert torch.equal(drawn[:, 0], x[:, 0])
    assert drawn[:, 1].mean().item() == pytest.approx(0.8 * 1.5, abs=0.04)
    assert drawn[:, 1].std().item() == pytest.approx(0.6, abs=0.03)


class KnownLeap(Consistency):
    """The consistency function of two such numbers, in closed form."""

    def lead(self, x, sigma, *conditions):
        values, vectors = torch.linalg.eigh(torch.tensor([[1.0, 0.8], [0.8, 1.0]], dtype=x.dtype))
        noise = sigma[:, None] ** 2
        return ((x @ vectors) * (values / (values + noise)).sqrt()) @ vectors.T


def test_leaps_heed_what_is_known():
    """Drawn beside 1.5, a number of correlation 0.8 lies near 1.2, where one leap knows nothing."""
    model = KnownLeap(Reals((2,)), TimeMLP(2, width=8, layers=1), most=10.0)
    torch.manual_seed(0)
    x, known = torch.tensor([1.5, 9.0]).expand(4000, 2), torch.tensor([True, False])
    assert model.complete(x, known, calls=1)[:, 1].mean().item() == pytest.approx(0, abs=0.08)
    drawn = model.complete(x, known, calls=40)
    assert torch.equal(drawn[:, 0], x[:, 0])
    assert drawn[:, 1].mean().item() == pytest.approx(1.2, abs=0.3)
