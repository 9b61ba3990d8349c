"""What a network predicts: convertible for every model, and never mistaken for something else."""

from __future__ import annotations

import copy

import pytest
import torch
from mixture_oracle import KnownDDPM, KnownEDM, KnownFlow, KnownNCSN, KnownSDE, mixture, net

from pushforward.core.checkpoint import load, save
from pushforward.core.spaces import Pixels, Reals
from pushforward.models.score.ddpm import DDPM
from pushforward.models.score.diffusion import spread
from pushforward.models.score.edm import EDM
from pushforward.models.score.flow_matching import FlowMatching
from pushforward.models.score.ncsn import NCSN
from pushforward.models.score.parametrisation import (
    MinSNR,
    PredictEps,
    PredictScore,
    PredictV,
    PredictVelocity,
    PredictX0,
)
from pushforward.models.score.score_sde import ScoreSDE
from pushforward.nn.denoiser import TimeMLP
from pushforward.nn.unet import UNet
from pushforward.solvers.samplers import DDIM, HeunSampler
from pushforward.solvers.spacing import Karras

PLANE = Reals((2,))
EVERY = (PredictEps(), PredictX0(), PredictV(), PredictScore(), PredictVelocity())
KNOWN = {
    "ddpm": (KnownDDPM(PLANE, net(), 100).double(), 40.0),
    "ncsn": (KnownNCSN(PLANE, net(), rungs=10).double(), 6.0),
    "sde": (KnownSDE(PLANE, net()).double(), 0.3),
    "edm": (KnownEDM(PLANE, net()).double(), 0.7),
    "flow": (KnownFlow(PLANE, net()).double(), 0.4),
}


@pytest.mark.parametrize("name", KNOWN)
def test_every_model_says_all_that_any_network_could_predict(name):
    model, time = KNOWN[name]
    torch.manual_seed(0)
    x, t = torch.randn(5, 2, dtype=torch.float64), torch.full((5,), time, dtype=torch.float64)
    level = model.level_at(time)
    noisy = mixture(level.alpha, level.sigma)
    x.requires_grad_()
    (score,) = torch.autograd.grad(noisy.log_prob(x).sum(), x)
    x0 = (x + level.sigma**2 * score) / level.alpha  # Tweedie
    eps = -level.sigma * score
    expected = (eps, x0, level.alpha * eps - level.sigma * x0, score, eps - x0)
    for prediction, value in zip(EVERY, expected):
        torch.testing.assert_close(model.predict(prediction, x, t), value)
    torch.testing.assert_close(model.score(x, t), score)


@pytest.mark.parametrize("prediction", EVERY)
@pytest.mark.parametrize(("alpha", "sigma"), [(0.6, 0.8), (1.0, 3.0), (0.25, 0.75)])
def test_predictions_undo_their_target_on_any_path(prediction, alpha, sigma):
    torch.manual_seed(0)
    x0, eps = torch.randn(2, 5, 3).double()
    pair = torch.tensor(alpha).double(), torch.tensor(sigma).double()
    noisy = alpha * x0 + sigma * eps
    target = prediction.target(x0, eps, *pair)
    torch.testing.assert_close(prediction.x0(target, noisy, *pair), x0)


@pytest.mark.parametrize("prediction", [PredictScore(), PredictVelocity()])
def test_a_chain_learns_whatever_it_predicts(prediction):
    """A network that says what it should makes no loss."""
    torch.manual_seed(0)
    model = DDPM(PLANE, net(), 20, prediction=prediction).double()
    x = torch.full((8, 2), 0.3, dtype=torch.float64)

    def said(noisy, t, *conditions):
        alpha, sigma = (spread(v, noisy) for v in model.at(t))
        return prediction.target(x, (noisy - alpha * x) / sigma, alpha, sigma), None

    model._output = said
    assert model.loss(x)["simple"].abs().max() < 1e-20
    torch.testing.assert_close(model.sample(8), x, rtol=0, atol=0.2)


POINT = 0.3  # all data


class Wise(torch.nn.Module):
    """A network that knows that all data are one point, by the papers' own formulas."""

    def __init__(self, said):
        super().__init__()
        self.said = said

    def forward(self, x, t):
        return self.said(x, t.view(-1, 1))


def eps_along_vp(x, t):
    """Score SDE, eq. 33: beta from 0.1 to 20."""
    alpha = (-(0.1 * t + 19.9 * t**2 / 2) / 2).exp()
    return (x - alpha * POINT) / (1 - alpha**2).sqrt()


def edms_f(x, noise):
    """EDM, table 1: c_in x and log(sigma) in hundredths are told; D = c_skip x + c_out F."""
    sigma, s = (400 * noise).exp(), 0.5
    whole = (sigma**2 + s**2).sqrt()
    return (POINT - s**2 / whole**2 * (x * whole)) / (sigma * s / whole)


def minus_noise(x, time):
    """NCSN: sigma s(x) on a geometric ladder of four rungs from 2 to 0.1."""
    return -(x - POINT) / (2 * 0.05 ** ((4 * time - 0.5) / 3))


WISE = {
    "sde": lambda: ScoreSDE(PLANE, Wise(eps_along_vp)),
    "edm": lambda: EDM(PLANE, Wise(edms_f)),
    "flow": lambda: FlowMatching(PLANE, Wise(lambda x, t: (x - POINT) / t)),
    "ncsn": lambda: NCSN(PLANE, Wise(minus_noise), most=2.0, least=0.1, rungs=4),
    "ddpm": lambda: DDPM(
        PLANE, Wise(lambda x, t: torch.full_like(x, POINT)), 9, prediction=PredictX0()
    ),
}


@pytest.mark.parametrize("name", WISE)
def test_a_network_that_knows_the_answer_makes_no_loss_and_denoises(name):
    torch.manual_seed(0)
    model = WISE[name]().double()
    x = torch.full((64, 2), POINT, dtype=torch.float64)
    assert all(term.abs().max() < 1e-12 for term in model.loss(x).values())
    for level in model.levels(4)[1:-1]:
        noisy = level.alpha * x + level.sigma * torch.randn_like(x)
        torch.testing.assert_close(model.denoise(noisy, level), x)


OTHERS = {
    "edm": lambda network: EDM(PLANE, network),
    "sde": lambda network: ScoreSDE(PLANE, network),
    "flow": lambda network: FlowMatching(PLANE, network),
    "ncsn": lambda network: NCSN(PLANE, network),
    "v": lambda network: DDPM(PLANE, network, 50, prediction=PredictV()),
    "steps": lambda network: DDPM(PLANE, network, 60),
}


@pytest.mark.parametrize("name", OTHERS)
def test_a_network_is_not_read_as_what_it_does_not_predict(name, tmp_path):
    """Nor is a copy of it, nor one that comes from a file."""
    model = DDPM(PLANE, TimeMLP(2, width=8, layers=1), 50)
    loaded = load(save(model, tmp_path / "ddpm.safetensors"))
    for network in (model.denoiser, copy.deepcopy(model.denoiser), loaded.denoiser):
        with pytest.raises(ValueError, match=r"predicts eps in 50 steps .* cannot read it as"):
            OTHERS[name](network)
    again = DDPM(PLANE, model.denoiser, 50, sampler=HeunSampler(9, spacing=Karras()))
    assert again.sample(2).shape == (2, 2), "but another sampler is no other network"


def test_edms_network_is_none_of_a_chain():
    model = EDM(PLANE, TimeMLP(2, width=8, layers=1))
    with pytest.raises(ValueError, match=r"predicts EDM's F of data_std 0\.5, so DDPM cannot"):
        DDPM(PLANE, model.network)


@pytest.mark.parametrize("kind", [DDPM, EDM, ScoreSDE, FlowMatching, NCSN])
def test_clipping_has_a_way_off(kind):
    """A network that exaggerates is clipped where images must lie, or not, as one says."""
    torch.manual_seed(0)
    space, found = Pixels(1, 2, 2, levels=4), []
    for clipped in (True, False):
        network = UNet(1, width=4, multipliers=(1,), blocks=1)
        torch.nn.init.constant_(network.leave.bias, 9.0)
        model = kind(space, network, clipped=clipped)
        level = model.levels(3)[1]
        found.append(model.denoise(torch.randn(4, 1, 2, 2), level).abs().max().item())
    assert found[0] <= 1 < found[1]
    reals = kind(Reals((1, 2, 2)), UNet(1, width=4, blocks=1))
    assert reals.clip(torch.full((1,), 7.0)) == 7, "what is real is never clipped"


def test_clipping_is_of_the_blueprint(tmp_path):
    model = EDM(Pixels(1, 2, 2), UNet(1, width=4, blocks=1), sampler=DDIM(2), clipped=False)
    assert load(save(model, tmp_path / "edm.safetensors")).clipped is False


@pytest.mark.parametrize("gamma", [0.5, 5.0])
def test_min_snr_weights_are_the_papers(gamma):
    """And diffusers': of eps min(SNR, gamma) / SNR, of v min(SNR, gamma) / (SNR + 1)."""
    angle = torch.linspace(0.05, 1.5, 9, dtype=torch.float64)
    alpha, sigma = angle.cos(), angle.sin()
    snr = (alpha / sigma) ** 2
    least, weighting = snr.clamp(max=gamma), MinSNR(gamma)
    torch.testing.assert_close(weighting(PredictX0(), alpha, sigma), least)
    torch.testing.assert_close(weighting(PredictEps(), alpha, sigma), least / snr)
    torch.testing.assert_close(weighting(PredictV(), alpha, sigma), least / (snr + 1))


@pytest.mark.parametrize(
    "prediction", [PredictEps(), PredictV(), PredictScore(), PredictVelocity()]
)
def test_a_weighted_loss_does_not_depend_on_what_is_predicted(prediction):
    """A network that errs alike in x_0 has the same loss, be it told in eps, v or velocities."""
    torch.manual_seed(0)
    x = torch.randn(5, 2, dtype=torch.float64)

    class Off(DDPM):
        def _output(self, noisy, t, *conditions):
            alpha, sigma = (v[:, None] for v in self.at(t))
            x0 = torch.full_like(noisy, 0.3)
            return self.prediction.target(x0, (noisy - alpha * x0) / sigma, alpha, sigma), None

    found = []
    for said in (prediction, PredictX0()):
        net = TimeMLP(2, width=8, layers=1)
        model = Off(Reals((2,)), net, 20, prediction=said, weighting=MinSNR()).double()
        torch.manual_seed(1)
        found.append(model.loss(x)["simple"])
    torch.testing.assert_close(*found)
    with pytest.raises(ValueError, match="gamma must be"):
        MinSNR(0.0)
