"""Posterior sampling of Gaussian data, where the posterior is known."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from pushforward.core.spaces import Pixels, Reals
from pushforward.models.score.diffusion import spread
from pushforward.models.score.edm import EDM
from pushforward.models.score.flow_matching import FlowMatching
from pushforward.models.score.guidance import Guided
from pushforward.models.score.restoration import BlockMeans, grey, restored
from pushforward.nn.denoiser import TimeMLP
from pushforward.nn.unet import UNet
from pushforward.solvers.samplers import DPMSolverPP, HeunSampler

STD = 0.8


class Known:
    """Mixed into a diffusion: the best denoiser of N(0, STD^2)."""

    def denoise_at(self, x: Tensor, t: Tensor, *conditions: Tensor) -> Tensor:
        alpha, sigma = (spread(v, x) for v in self.at(t))
        return alpha * STD**2 / (alpha**2 * STD**2 + sigma**2) * x


class KnownEDM(Known, EDM):
    pass


class KnownFlow(Known, FlowMatching):
    pass


def models():
    net, space = TimeMLP(3, width=8, layers=1), Reals((3,))
    edm = KnownEDM(space, net, least=0.005, most=40.0, sampler=HeunSampler(60))
    other = TimeMLP(3, width=8, layers=1)
    return {"edm": edm.double(), "flow": KnownFlow(space, other, DPMSolverPP(80)).double()}


def mean_of_two(x: Tensor) -> Tensor:
    return x[:, :2].mean(1, keepdim=True)


@pytest.mark.parametrize("name", ["edm", "flow"])
@pytest.mark.parametrize("noise", [0.05, 0.5])
def test_the_posterior_of_a_gaussian_is_reached(name, noise):
    """Given the mean of two of three numbers: mean and covariance by conjugacy."""
    model = models()[name]
    y = torch.full((6000, 1), 0.9, dtype=torch.float64)
    torch.manual_seed(0)
    x = restored(model, y, mean_of_two, noise=noise, data_std=STD)
    a = torch.tensor([[0.5, 0.5, 0.0]], dtype=torch.float64)
    gain = STD**2 * a.T / (STD**2 * (a @ a.T) + noise**2)
    mean = (gain * 0.9)[:, 0]
    covariance = STD**2 * torch.eye(3, dtype=torch.float64) - gain @ a * STD**2
    assert (x.mean(0) - mean).abs().max() < 0.05
    assert (x.T.cov() - covariance).abs().max() < 0.06


def test_images_are_refined_and_coloured():
    torch.manual_seed(0)
    net = UNet(3, width=8, multipliers=(1,), blocks=1, attention=0)
    model = EDM(Pixels(3, 8, 8), net, sampler=HeunSampler(12))
    for operator, shape in ((BlockMeans(2), (3, 4, 4)), (grey, (1, 8, 8))):
        y = 0.5 * torch.rand(2, *shape) - 0.25
        x = restored(model, y, operator)
        assert x.dtype == torch.uint8
        assert x.shape == (2, 3, 8, 8)
        assert (operator(model.to_float(x)) - y).abs().mean() < 0.05


def test_guided_models_are_restored_as_they_are_told():
    """Of weight 1 it is the class's own diffusion, of others it is not."""
    torch.manual_seed(0)
    net = UNet(1, width=8, multipliers=(1,), blocks=1, attention=0, classes=2)
    model = EDM(Pixels(1, 4, 4), net, sampler=HeunSampler(4))
    for parameter in model.parameters():  # its last layer begins at zero, deaf to the class
        torch.nn.init.normal_(parameter, std=0.1)
    y, told = torch.zeros(3, 1, 2, 2), torch.tensor([0, 1, 1])

    def found(which):
        torch.manual_seed(1)
        return restored(which, y, BlockMeans(2), told).long()

    plain, one, two = found(model), *(found(Guided(model, 2, weight=w)) for w in (1.0, 3.0))
    assert (plain - one).abs().max() <= 1
    assert (plain - two).abs().max() > 1
    with pytest.raises(ValueError, match="not of Labels"):
        restored(model, y, BlockMeans(2), torch.tensor([0, 1, 5]))


@pytest.mark.parametrize(
    ("operator", "said"),
    [
        (lambda x: x[:, :1] ** 2, "must be linear"),
        (lambda x: x[:, :1] + 1, "must be linear"),
        (lambda x: x * torch.tensor([1.0, 2.0, 3.0]).double(), "must be linear"),
        (lambda x: x[:, :2], "what was measured"),
    ],
)
def test_operators_that_do_not_fit_are_refused(operator, said):
    model = models()["edm"]
    n = 3 if said == "must be linear" and operator(torch.zeros(1, 3)).shape[1] == 3 else 1
    with pytest.raises(ValueError, match=said):
        restored(model, torch.zeros(2, n, dtype=torch.float64), operator)
