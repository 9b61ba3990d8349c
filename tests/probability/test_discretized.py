import math

import pytest
import torch
from scipy import stats

from pushforward.core.spaces import Pixels
from pushforward.models.autoregressive.made import MADE
from pushforward.probability.discretized import (
    DiscretizedLogistic,
    DiscretizedLogisticHead,
    DiscretizedLogisticMixture,
)

SCALES = torch.logspace(-4, 3, 15, dtype=torch.float64)
MEANS = torch.tensor([-3.0, -1.0, -0.999, 0.0, 0.1234, 1.0, 2.0], dtype=torch.float64)


def every(levels):
    return torch.arange(levels, dtype=torch.uint8)[:, None, None]


@pytest.mark.parametrize("levels", [2, 17, 256])
def test_equals_scipy(levels):
    found = DiscretizedLogistic(MEANS[:, None], SCALES.log(), levels).log_prob(every(levels)).exp()
    edges = torch.arange(levels + 1, dtype=torch.float64) * 2 - levels
    edges = (edges / (levels - 1))[:, None, None].numpy()
    edges[0], edges[-1] = -math.inf, math.inf
    with_scipy = stats.logistic(MEANS[:, None].numpy(), SCALES.numpy())
    up, down = with_scipy.cdf(edges), with_scipy.sf(edges)
    mass = torch.from_numpy((up[1:] - up[:-1]).clip(down[:-1] - down[1:]))
    torch.testing.assert_close(found, mass, rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_finite_and_normalised_at_every_scale(dtype):
    means, logs = MEANS[:, None].to(dtype), SCALES.log().to(dtype)
    means.requires_grad_(), logs.requires_grad_()
    log_prob = DiscretizedLogistic(means, logs, 256).log_prob(every(256))
    assert log_prob.dtype == torch.float32
    assert log_prob.isfinite().all()
    torch.testing.assert_close(log_prob.exp().sum(0), torch.ones(7, 15), rtol=0, atol=2e-4)
    log_prob.sum().backward()
    assert means.grad.isfinite().all()
    assert logs.grad.isfinite().all()


def test_mean_and_draws_follow_the_mass():
    torch.manual_seed(0)
    given = DiscretizedLogistic(torch.tensor([-0.9, 0.2]), torch.tensor([-1.0, -3.0]), 17)
    mass = given.log_prob(torch.arange(17)[:, None]).exp()
    torch.testing.assert_close(given.mean, (mass * torch.arange(17)[:, None]).sum(0))
    assert given.mode.tolist() == [1, 10]
    drawn = given.sample((20_000,))
    assert drawn.dtype == torch.uint8
    for i in range(2):
        counts = drawn[:, i].long().bincount(minlength=17).double()
        kept = mass[:, i].double() * 20_000 > 5
        expected = mass[kept, i].double() * 20_000
        chi2 = ((counts[kept] - expected) ** 2 / expected).sum().item()
        assert chi2 < stats.chi2(int(kept.sum())).ppf(0.9999)


def all_images(channels, levels):
    values = torch.cartesian_prod(*[torch.arange(levels, dtype=torch.uint8)] * channels)
    return values.view(-1, channels, 1, 1)


@pytest.mark.parametrize(("channels", "levels"), [(1, 256), (2, 16), (3, 8)])
def test_mixture_sums_to_one(channels, levels):
    torch.manual_seed(channels)
    outputs = DiscretizedLogisticMixture.outputs(channels, 5)
    x = all_images(channels, levels)
    for size in (0.1, 1.0, 10.0):
        parameters = (size * torch.randn(1, outputs, 1, 1).double()).expand(len(x), -1, 1, 1)
        total = DiscretizedLogisticMixture(parameters, channels, levels).log_prob(x).exp().sum()
        assert total.item() == pytest.approx(1, abs=1e-10)


@pytest.mark.parametrize("autocast", [False, True])
@pytest.mark.parametrize("scale", SCALES.tolist())
def test_mixture_of_a_network_is_finite_and_normalised_at_every_scale(scale, autocast):
    torch.manual_seed(0)
    net = torch.nn.Conv2d(1, DiscretizedLogisticMixture.outputs(1, 3), 1)
    wanted = [0.3, -0.2, 0.1, -1.2, 0.1234, 1.0, *[math.log(scale)] * 3]
    with torch.no_grad():
        net.bias.copy_(torch.tensor(wanted))
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        given = DiscretizedLogisticMixture(net(torch.zeros(256, 1, 1, 1)), 1)
        nats = given.log_prob(torch.arange(256, dtype=torch.uint8).view(256, 1, 1, 1))
    assert nats.dtype == torch.float32
    assert nats.isfinite().all()
    assert nats.exp().sum().item() == pytest.approx(1, abs=2e-4)
    nats.sum().backward()
    assert all(p.grad.isfinite().all() for p in net.parameters())


def test_mixture_by_hand():
    """Three channels, two components, written out pixel by pixel."""
    torch.manual_seed(0)
    p = torch.randn(1, 20, 1, 1).double()
    logits, means, scales, c = p.view(10, 2).split((1, 3, 3, 3))
    x, c = torch.tensor([[[[3]], [[250]], [[0]]]]), c.tanh()
    r, g, _ = (2 * x / 255 - 1).double().flatten()
    centres = torch.stack([means[0], means[1] + c[0] * r, means[2] + c[1] * r + c[2] * g])
    each = DiscretizedLogistic(centres, scales, 256).log_prob(x.view(3, 1)).sum(0)
    expected = (each + logits[0].log_softmax(0)).logsumexp(0)
    torch.testing.assert_close(DiscretizedLogisticMixture(p, 3).log_prob(x), expected[None])


def test_mixture_draws_follow_the_mass():
    torch.manual_seed(1)
    p, x = torch.randn(1, 30, 1, 1).double(), all_images(3, 4)
    mass = DiscretizedLogisticMixture(p.expand(len(x), -1, 1, 1), 3, 4).log_prob(x).exp()
    drawn = DiscretizedLogisticMixture(p.expand(40_000, -1, 1, 1), 3, 4).sample()
    code = (drawn.long().flatten(1) * torch.tensor([16, 4, 1])).sum(1)
    counts = code.bincount(minlength=64).double()
    chi2 = ((counts - 40_000 * mass) ** 2 / (40_000 * mass))[mass * 40_000 > 5].sum().item()
    assert chi2 < stats.chi2(64).ppf(0.9999)


def test_bfloat16_autocast():
    net = torch.nn.Conv2d(3, DiscretizedLogisticMixture.outputs(3, 10), 1)
    with torch.no_grad():
        net.bias.copy_(torch.linspace(-12, 12, len(net.bias)))
    with torch.autocast("cpu", torch.bfloat16):
        given = DiscretizedLogisticMixture(net(torch.randn(4, 3, 5, 5)), 3)
        nats = given.log_prob(torch.randint(256, (4, 3, 5, 5), dtype=torch.uint8))
    assert nats.dtype == torch.float32
    nats.sum().backward()
    assert all(p.grad.isfinite().all() for p in net.parameters())


def test_as_a_head_of_made():
    torch.manual_seed(0)
    model = MADE(Pixels(1, 1, 2, 17), DiscretizedLogisticHead(17), width=16).double()
    x = torch.cartesian_prod(*[torch.arange(17, dtype=torch.uint8)] * 2).view(-1, 1, 1, 2)
    assert model.log_prob(x).exp().sum().item() == pytest.approx(1, abs=1e-10)
    assert model.sample(3).dtype == torch.uint8


def test_wrong_number_of_parameters():
    with pytest.raises(ValueError, match="multiple of 10 parameters per pixel, not 12"):
        DiscretizedLogisticMixture(torch.zeros(1, 12, 2, 2), 3)


@pytest.mark.parametrize("kind", [torch.float32, torch.float64])
def test_gradients_of_a_scale_that_is_too_wide(kind):
    """Where a bin's mass is its width times the density 1 / 4s at most, d log P / d log s is -1."""
    log_scale = torch.tensor([10.0, 30.0, 100.0, 800.0], dtype=kind, requires_grad=True)
    log_p = DiscretizedLogistic(torch.zeros(4, dtype=kind), log_scale).log_prob(torch.tensor(100))
    expected = math.log(2 / 255) - log_scale - math.log(4)
    torch.testing.assert_close(log_p, expected, atol=1e-5, rtol=1e-6)
    (slope,) = torch.autograd.grad(log_p.sum(), log_scale)
    torch.testing.assert_close(slope, -torch.ones(4, dtype=kind), atol=1e-3, rtol=0)


def test_gradients_where_no_bin_is_inside():
    log_scale = torch.tensor([800.0], dtype=torch.float64, requires_grad=True)
    log_p = DiscretizedLogistic(torch.zeros(1).double(), log_scale, 2).log_prob(torch.tensor([1]))
    (slope,) = torch.autograd.grad(log_p.sum(), log_scale)
    assert slope.tolist() == [0.0]
