"""Consistency models and reflow of Gaussian data, where the maps to learn are known."""

from __future__ import annotations

import math

import pytest
import torch
from scipy.stats import norm
from torch import Tensor, nn

from pushforward.core.spaces import Reals
from pushforward.models.score.consistency import LOG_MEAN, LOG_STD, Consistency
from pushforward.models.score.diffusion import spread
from pushforward.models.score.edm import EDM
from pushforward.models.score.flow_matching import FlowMatching
from pushforward.models.score.reflow import Reflow
from pushforward.nn.denoiser import TimeMLP
from pushforward.solvers.samplers import DDIM

MEAN, STD, LEAST, MOST = 0.4, 0.6, 0.01, 20.0
SPACE = Reals((1,))


class Leading(nn.Module):
    """F for which f(x, sigma) is where the flow of N(MEAN, STD^2) leads from sigma to LEAST."""

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        sigma, s = (400 * t).exp()[:, None], 0.5
        norm = (sigma**2 + s**2).sqrt()
        x = x * norm
        skip, out = s**2 / ((sigma - LEAST) ** 2 + s**2), s * (sigma - LEAST) / norm
        shrunk = ((STD**2 + LEAST**2) / (STD**2 + sigma**2)).sqrt()
        wanted = MEAN + shrunk * (x - MEAN)
        return (wanted - skip * x) / out.clamp(min=1e-12)


class Known(EDM):
    """The best denoiser of the same data."""

    def denoise_at(self, x, t, *conditions):
        return MEAN + STD**2 / (STD**2 + spread(t, x) ** 2) * (x - MEAN)


def net() -> TimeMLP:
    return TimeMLP(1, width=8, layers=1)


def leading(ladder: int = 18, calls: int = 1, taught: bool = True) -> Consistency:
    teacher = Known(SPACE, net(), least=LEAST / 2, most=2 * MOST) if taught else None
    options = {"least": LEAST, "most": MOST, "ladder": ladder, "calls": calls}
    return Consistency(SPACE, Leading(), teacher, **options).double()


def test_without_noise_nothing_is_changed():
    model = Consistency(SPACE, net(), least=LEAST, most=MOST).double()
    x = torch.randn(5, 1, dtype=torch.float64)
    sigma = torch.full((5,), LEAST, dtype=torch.float64)
    torch.testing.assert_close(model.lead(x, sigma), x, rtol=0, atol=1e-7)
    assert (model.lead(x, sigma + 1) != x).all()


def test_the_true_map_makes_no_loss_but_heuns():
    """The teacher's step errs by order 3 in the ladder's width, and so does the loss."""
    torch.manual_seed(0)
    x = MEAN + STD * torch.randn(4000, 1, dtype=torch.float64)
    found = []
    for ladder in (20, 40, 80):
        model = leading(ladder)
        torch.manual_seed(1)
        gaps = model.levels(ladder).diff().max().item()
        loss = model.loss(x)["consistency"]
        assert gaps > 0
        found.append(loss.mean().item())
    assert found[0] > 6 * found[1] > 36 * found[2]
    wrong = Consistency(
        SPACE, net(), Known(SPACE, net(), least=LEAST / 2, most=2 * MOST), ladder=80, least=LEAST,
        most=MOST,
    )  # fmt: skip
    assert wrong.double().loss(x)["consistency"].mean() > 100 * found[2]


def test_a_teachers_step_is_heuns_along_the_flow():
    """Against the closed form of the flow, with an error of third order."""
    errors = []
    for ladder in (50, 100):
        model = leading(ladder)
        levels = model.levels(ladder)
        i = torch.full((3,), ladder // 2)
        x = torch.tensor([[-3.0], [0.5], [4.0]], dtype=torch.float64)
        high, low = levels[i[0] + 1], levels[i[0]]
        truth = MEAN + (x - MEAN) * ((STD**2 + low**2) / (STD**2 + high**2)).sqrt()
        errors.append((model._taught(x, levels, i, ()) - truth).abs().max().item())
    assert math.log2(errors[0] / errors[1]) == pytest.approx(3, abs=0.4)


@pytest.mark.parametrize("calls", [1, 2, 4])
def test_samples_of_the_true_map_are_of_the_data(calls):
    model = leading(calls=calls)
    torch.manual_seed(0)
    x = model.sample(20_000)
    # Noise of MOST deviates from the flow's marginal, N(MEAN, STD^2 + MOST^2), by next to nothing.
    shift = MEAN * (1 - STD / MOST)
    assert x.mean().item() == pytest.approx(shift if calls == 1 else MEAN, abs=0.03)
    assert x.std().item() == pytest.approx(math.hypot(STD, LEAST), rel=0.03)


def test_levels_are_drawn_log_normally():
    model = leading(ladder=12, taught=False)
    levels = model.levels(12)
    torch.manual_seed(0)
    counts = torch.bincount(model._drawn(levels, 100_000), minlength=12) / 100_000
    cdf = norm.cdf(levels.log().numpy(), LOG_MEAN, LOG_STD)
    expected = torch.from_numpy((cdf[1:] - cdf[:-1]) / (cdf[-1] - cdf[0]))
    assert (counts - expected).abs().max() < 1e-3


def test_ladders_double_without_a_teacher_alone():
    model = Consistency(SPACE, net(), ladder=80, first=10)
    found = []
    for done in (0.0, 0.24, 0.26, 0.49, 0.51, 0.76, 1.0):
        model.progress.fill_(done)
        found.append(model.rungs())
    assert found == [10, 10, 20, 20, 40, 80, 80]
    assert leading(ladder=18).rungs() == 18


def test_the_loss_of_training_is_its_formula():
    """Pseudo-Huber over the ladder's width, with one eps at both levels."""
    model = Consistency(SPACE, net(), ladder=2, first=2, least=LEAST, most=MOST).double()
    x = torch.tensor([[0.3]], dtype=torch.float64)
    low, high = model.levels(2)[:2]
    model._drawn = lambda levels, n: torch.zeros(n, dtype=torch.long)
    torch.manual_seed(0)
    found = model.loss(x)["consistency"]
    torch.manual_seed(0)
    eps = torch.randn_like(x)
    a, b = (model.lead(x + v * eps, v[None]) for v in (high, low))
    c = 0.00054
    torch.testing.assert_close(found, (((a - b)[0] ** 2 + c**2).sqrt() - c) / (high - low))


class Straight(nn.Module):
    """The velocity z - x of the lines from z to x = MEAN + STD z."""

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        t = t[:, None]
        z = (x - (1 - t) * MEAN) / ((1 - t) * STD + t)
        return (1 - STD) * z - MEAN


class KnownFlow(FlowMatching):
    """Flow matching whose denoiser is the best one, so that its flow is x = MEAN + STD z."""

    def denoise_at(self, x, t, *conditions):
        t = spread(t, x)
        gain = (1 - t) * STD**2 / ((1 - t) ** 2 * STD**2 + t**2)
        return MEAN + gain * (x - (1 - t) * MEAN)


def test_reflow_of_a_gaussian_is_straight():
    model = Reflow(
        KnownFlow(SPACE, net(), DDIM(400)), FlowMatching(SPACE, Straight(), DDIM(1))
    ).double()
    torch.manual_seed(0)
    x, z = model.pairs(torch.zeros(500, 1, dtype=torch.float64))
    torch.testing.assert_close(x, MEAN + STD * z, atol=0.01, rtol=0)
    assert model.pairs_loss(x, z)["velocity"].max() < 1e-3
    torch.testing.assert_close(model.push(z), MEAN + STD * z)
    one = KnownFlow(SPACE, net(), DDIM(1)).double()
    assert (one.push(z) - (MEAN + STD * z)).abs().max() > 0.5  # the first flow bends


def test_what_cannot_be_is_said():
    flow = FlowMatching(SPACE, net())
    other = FlowMatching(Reals((2,)), TimeMLP(2, width=8))
    for build, said in (
        (lambda: Reflow(flow, other), "same data"),
        (lambda: Reflow(flow, flow), "share"),
        (lambda: Consistency(SPACE, net(), EDM(Reals((2,)), net())), "same data"),
        (lambda: Consistency(SPACE, net(), calls=0), "calls"),
        (lambda: Consistency(SPACE, net(), least=2.0, most=1.0), "least below most"),
        (lambda: Reflow(flow, FlowMatching(SPACE, net()), share=1.0), "share must be between"),
    ):
        with pytest.raises(ValueError, match=said):
            build()


def test_pupils_inherit_once_what_their_teachers_know():
    def flow() -> FlowMatching:
        return FlowMatching(SPACE, net(), DDIM(2))

    model = Reflow(flow(), flow())
    inheritance, _ = model.stages()[1].players
    inheritance.update(torch.zeros(2, 1))
    mine, its = (m.network.state_dict() for m in (model.student, model.teacher))
    assert all(torch.equal(mine[name], its[name]) for name in its)
    with torch.no_grad():
        model.student.network.leave.weight.add_(1)
    inheritance.update(torch.zeros(2, 1))
    assert not torch.equal(model.student.network.leave.weight, model.teacher.network.leave.weight)
    wider = Reflow(flow(), FlowMatching(SPACE, TimeMLP(1, width=16, layers=1)))
    assert [player.name for player in wider.stages()[1].players] == ["student"]
