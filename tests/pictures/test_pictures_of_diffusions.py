"""Pictures of diffusions: what they show is what models say."""

from __future__ import annotations

import math

import pytest
import torch

from pushforward.core.spaces import Pixels, Reals
from pushforward.models.score.ddpm import DDPM
from pushforward.models.score.edm import EDM
from pushforward.models.score.guidance import Guided
from pushforward.nn.denoiser import TimeMLP
from pushforward.nn.unet import UNet
from pushforward.pictures import denoising_strip, restorations, score_field
from pushforward.solvers.samplers import DDIM, HeunSampler


def unet(**told) -> UNet:
    torch.manual_seed(0)
    return UNet(1, width=8, multipliers=(1,), blocks=1, attention=0, **told)


def chain() -> DDPM:
    return DDPM(Pixels(1, 4, 4), unet(), 10, sampler=DDIM(5)).eval()


def test_a_strip_goes_down_the_samplers_own_levels_to_what_push_makes():
    model = chain()
    way = denoising_strip.moments(model, 3, seed=2)
    assert [level for level, _, _ in way] == model.levels(5)[:-1]
    for level, x, x0 in way:
        torch.testing.assert_close(x0, model.denoise(x, level))
    start = model.push(way[0][1])
    assert torch.equal(model.to_data(way[-1][2]), start)
    figure = denoising_strip.strip(model, denoising_strip.spread_over(way, 3))
    shown = [axis.images[0].get_array() for axis in figure.axes]
    assert len(shown) == 6 * 3
    expected = (model.clip(way[-1][2][1, 0]) + 1) / 2
    torch.testing.assert_close(torch.tensor(shown[3 * 3 + 2]), expected)


def test_a_strip_of_a_guided_model_asks_for_one_class_after_the_other(monkeypatch):
    model = Guided(EDM(Pixels(1, 4, 4), unet(classes=2), sampler=HeunSampler(2)), 2)
    asked, process = [], model.process
    monkeypatch.setattr(model, "process", lambda *told: asked.extend(told) or process(*told))
    denoising_strip.moments(model, 3)
    assert asked[0].tolist() == [0, 1, 0]


def test_the_strip_refuses_what_is_no_diffusion():
    with pytest.raises(ValueError, match="TimeMLP does not draw by the steps of a diffusion"):
        denoising_strip.denoising(TimeMLP(2))


def test_the_fields_truth_is_the_gradient_of_torchs_mixture():
    process = score_field.eight()
    x = torch.randn(7, 2, dtype=torch.float64, requires_grad=True)
    spread = math.hypot(0.5, 0.3) * torch.ones(8, 2, dtype=torch.float64)
    parts = torch.distributions.Independent(torch.distributions.Normal(process.means, spread), 1)
    weights = torch.distributions.Categorical(process.weights)
    mixture = torch.distributions.MixtureSameFamily(weights, parts)
    (expected,) = torch.autograd.grad(mixture.log_prob(x).sum(), x)
    model = EDM(Reals((2,)), TimeMLP(2, width=8, layers=1), 2.2)
    truth, found = score_field.scores(model, process, x.detach(), 0.3)
    torch.testing.assert_close(truth, expected)
    said = model.score(x.float(), torch.full((7,), 0.3)).double()
    torch.testing.assert_close(found, said.detach(), atol=1e-5, rtol=1e-5)


def test_a_model_that_knows_the_score_has_no_error_and_one_that_does_not_has(monkeypatch):
    model, process = (
        EDM(Reals((2,)), TimeMLP(2, width=8, layers=1), 2.2).double(),
        score_field.eight(),
    )
    assert score_field.relative_error(model, process, 0.5) > 0.1

    def denoise(x, t):
        return process.denoise(x, process.level_of(t[0].item()))

    monkeypatch.setattr(model, "denoise_at", denoise)
    assert score_field.relative_error(model, process, 0.5) < 1e-12
    axes = score_field.fields(model, process).axes
    assert [axis.get_title().split(":")[1].strip() for axis in axes] == ["relative error 0.00%"] * 3


@pytest.mark.parametrize("channels", [1, 3])
def test_restorations_keep_what_is_known_and_leave_the_model_as_it_was(channels):
    torch.manual_seed(0)
    net = UNet(channels, width=8, multipliers=(1,), blocks=1, attention=0)
    model = DDPM(Pixels(channels, 8, 8), net, 10, sampler=DDIM(5)).eval()
    x = torch.randint(256, (3, channels, 8, 8), dtype=torch.uint8)
    found = dict(restorations.rows(model, x, steps=5, repeats=2, block=4))
    names = ["data", "upper half", "replacement", "RePaint, 2 rounds", "means of 4x4", "refined"]
    assert list(found) == names + ["grey", "coloured"] * (channels == 3)
    assert model.sampler == DDIM(5)
    assert torch.equal(found["data"], x)
    for name in ("upper half", "replacement", "RePaint, 2 rounds"):
        assert torch.equal(found[name][:, :, :4], x[:, :, :4])
    assert not torch.equal(found["replacement"], found["RePaint, 2 rounds"])
    blocks = x.double().unflatten(3, (2, 4)).unflatten(2, (2, 4)).mean((3, 5))
    coarse = found["means of 4x4"].double()[:, :, ::4, ::4]
    assert (coarse - blocks).abs().max() <= 0.51
    assert restorations.sheet_of(list(found.items()), model.space).axes[0].get_ylabel() == "data"
