from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from pushforward.core.blueprint import Component
from pushforward.core.spaces import Pixels, Reals
from pushforward.models.flow.dequantized import Dequantized
from pushforward.models.flow.flow import Flow, direction, walk
from pushforward.models.flow.flowpp import variational_noise
from pushforward.models.flow.glow import Glow
from pushforward.models.flow.realnvp import RealNVP, VectorRealNVP
from pushforward.probability.bijections.coupling import ContextAffine
from pushforward.probability.bijections.normalisation import ActNorm
from pushforward.probability.priors import StandardNormal


def scrambled(model, std=0.2):
    torch.manual_seed(0)
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=std)
    return model


def test_bits_per_dim_is_the_discrete_likelihood():
    """One pixel of 5 levels under a Gaussian on the logit: P(x) is a difference of its CDF."""
    space, alpha = Pixels(1, 1, 1, levels=5), 0.05
    norm = ActNorm(1)
    model = Dequantized(Flow(StandardNormal((1, 1, 1)), [norm]), space, alpha=alpha).double()
    with torch.no_grad():
        norm.shift.fill_(0.3)
        norm.log_scale.fill_(-0.4)
    model.eval()
    edges = (alpha + (1 - 2 * alpha) * torch.arange(6, dtype=torch.float64) / 5).logit()
    cdf = torch.special.ndtr((edges + 0.3) * torch.tensor(-0.4, dtype=torch.float64).exp())
    exact = cdf.diff().log()
    x = torch.arange(5, dtype=torch.uint8).reshape(5, 1, 1, 1)
    torch.manual_seed(0)
    with torch.no_grad():
        bound = model.elbo(x, samples=20_000)
        tight = model.importance_weighted(x, k=20_000)
    assert (bound < exact).all()
    torch.testing.assert_close(tight, exact, atol=5e-3, rtol=0)
    drawn = model.sample(100_000).flatten().long().bincount(minlength=5)[1:-1] / 100_000
    torch.testing.assert_close(drawn.double(), exact.exp()[1:-1], atol=5e-3, rtol=0)


def test_training_by_several_draws_is_training_on_a_tighter_bound():
    """Of one pixel under a normal on the logit: L_k by quadrature, and P(x) by the CDF."""
    space, alpha = Pixels(1, 1, 1, levels=3), 0.05
    norm = ActNorm(1)
    flow = Flow(StandardNormal((1, 1, 1)), [norm])
    models = {k: Dequantized(flow, space, alpha=alpha, k=k).double() for k in (1, 2, 256)}
    with torch.no_grad():
        norm.log_scale.fill_(0.8)
    for model in models.values():
        model.eval()
    edges = (alpha + (1 - 2 * alpha) * torch.arange(4, dtype=torch.float64) / 3).logit()
    exact = torch.special.ndtr(edges * math.exp(0.8)).diff().log()
    u = (torch.arange(2_000, dtype=torch.float64) + 0.5) / 2_000
    y = alpha + (1 - 2 * alpha) * (torch.arange(3, dtype=torch.float64)[:, None] + u) / 3
    normal = torch.distributions.Normal(0.0, math.exp(-0.8))
    log_w = normal.log_prob(y.logit()) - (y * (1 - y)).log() + math.log((1 - 2 * alpha) / 3)
    pairs = torch.logaddexp(log_w[:, :, None], log_w[:, None]) - math.log(2)
    expected = {1: log_w.mean(1), 2: pairs.mean((1, 2))}
    assert (expected[1] < expected[2]).all()
    torch.manual_seed(0)
    x = torch.arange(3, dtype=torch.uint8).repeat_interleave(2_000).view(-1, 1, 1, 1)
    found = {}
    for k, model in models.items():
        with torch.no_grad():
            (loss,) = model.loss(x).values()
        found[k] = -loss.view(3, -1).mean(1)
        error = loss.view(3, -1).std(1) / 2_000**0.5
        assert k == 256 or ((found[k] - expected[k]).abs() < 5 * error + 1e-3).all()
    assert (found[2] < found[256]).all()
    torch.testing.assert_close(found[256], exact, atol=0.02, rtol=0)


@pytest.mark.parametrize("side", [8, 28, 32])
def test_images_come_back_from_their_noise(side):
    space = Pixels(3, side, side)
    model = scrambled(RealNVP(space, couplings=2, width=4, blocks=1), std=0.1).eval()
    x = torch.randint(256, (2, 3, side, side), dtype=torch.uint8)
    assert torch.equal(model.push(model.noise(x)), x)


def test_odd_sides_and_wrong_spaces_are_refused():
    with pytest.raises(ValueError, match="multiples of 4, not 7x8"):
        RealNVP(Pixels(1, 7, 8))
    with pytest.raises(ValueError, match="VectorRealNVP"):
        RealNVP(Reals((2,)))
    with pytest.raises(ValueError, match="2 features or more"):
        VectorRealNVP(1)


def test_thirty_two_couplings_in_float32():
    flow = scrambled(VectorRealNVP(16, couplings=32, width=16), std=0.1)
    x = torch.rand(64, 16)
    with torch.no_grad():
        assert (flow.push(flow.noise(x)) - x).abs().max() < 1e-4


def test_rsample_knows_its_density_and_carries_gradients():
    flow = scrambled(VectorRealNVP(3, couplings=3, width=8, context=2)).double()
    context = torch.randn(10, 2, dtype=torch.float64)
    x, log_p = flow.rsample_and_log_prob(10, context)
    torch.testing.assert_close(log_p, flow.log_prob(x, context))
    x.sum().backward()
    assert all(p.grad is not None for p in flow.parameters())


class Row(Component):
    """A linear layer."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.net = nn.Linear(inputs, outputs)

    def forward(self, x):
        return self.net(x)


def test_a_context_makes_a_conditional_density():
    flow = Flow(StandardNormal((2,)), [ContextAffine(Row(3, 4), 3)]).double()
    context, x = torch.randn(5, 3).double(), torch.randn(5, 2).double()
    shift, raw = flow.bijection.bijections[0].net(context).chunk(2, 1)
    log_scale = flow.bijection.bijections[0].map.log_scale(raw)
    normal = torch.distributions.Normal(-shift * (-log_scale).exp(), (-log_scale).exp())
    torch.testing.assert_close(flow.log_prob(x, context), normal.log_prob(x).sum(1))
    with pytest.raises(ValueError, match="got none"):
        flow.log_prob(x)
    with pytest.raises(ValueError, match="context=0"):
        VectorRealNVP(2).double().log_prob(x, context)


def test_variational_noise_is_tighter_than_uniform_and_still_a_bound():
    """A flow that stays fixed, so that P(x) is a product of differences of its CDF."""
    torch.manual_seed(0)
    space, alpha = Pixels(1, 2, 2, levels=2), 0.05
    flow = Flow(StandardNormal((1, 2, 2)), [ActNorm(1)])
    with torch.no_grad():
        flow.bijection.bijections[0].log_scale.fill_(0.8)
    noise = variational_noise(space, couplings=1, width=8, blocks=1, components=2)
    model = Dequantized(flow, space, noise, alpha)
    edges = (alpha + (1 - 2 * alpha) * torch.arange(3) / 2).logit()
    cells = torch.special.ndtr(edges * torch.tensor(0.8).exp()).diff().log()
    x = torch.randint(2, (32, 1, 2, 2), dtype=torch.uint8)
    exact = cells[x.long()].flatten(1).sum(1).mean()
    optimizer = torch.optim.Adam(noise.parameters(), 1e-2)
    for _ in range(60):
        optimizer.zero_grad()
        (-model.elbo(x).mean()).backward()
        optimizer.step()
    model.eval()
    uniform = Dequantized(flow.eval(), space, alpha=alpha)
    with torch.no_grad():
        loose, tight = uniform.elbo(x, samples=200).mean(), model.elbo(x, samples=200).mean()
        tighter = model.importance_weighted(x, k=500).mean()
    assert loose + 0.1 < tight < exact + 0.02
    torch.testing.assert_close(tighter, exact, atol=0.05, rtol=0)


@pytest.mark.parametrize("mixing", ["lu", "qr", "plain", "emerging"])
def test_glow_gives_images_back_at_every_level(mixing):
    torch.manual_seed(0)
    model = Glow(Pixels(3, 16, 16), scales=3, steps=2, width=8, mixing=mixing)
    x = torch.randint(256, (8, 3, 16, 16), dtype=torch.uint8)
    model.loss(x)  # starts the actnorms
    for parameter in model.parameters():
        parameter.data += 0.02 * torch.randn_like(parameter)
    model.eval()
    with torch.no_grad():
        z = model.noise(x)
        assert z.shape == (8, 768)
        assert torch.equal(model.push(z), x)
        between = walk(model, z[:2], z[2:4], steps=3)
    assert torch.equal(between[0], x[:2])
    assert torch.equal(between[-1], x[2:4])
    arrow = direction(model, x[:4], x[4:])
    torch.testing.assert_close(arrow[0], z[:4].mean(0) - z[4:].mean(0))


def test_temperature_narrows_glow():
    torch.manual_seed(0)
    model = Glow(Pixels(1, 8, 8), scales=2, steps=1, width=8).eval()
    spread = [model.sample(64, temperature=t).float().std(0).mean() for t in (0.2, 0.7, 1.0)]
    assert spread[0] < spread[1] < spread[2]


def test_glow_by_classes():
    """Trained on dark and bright images, it draws the class that it is asked for."""
    torch.manual_seed(0)
    model = Glow(Pixels(1, 4, 4, levels=8), scales=1, steps=2, width=8, classes=2)
    y = torch.arange(64) % 2
    x = (torch.randint(3, (64, 1, 4, 4)) + 5 * y[:, None, None, None]).to(torch.uint8)
    optimizer = torch.optim.Adam(model.parameters(), 2e-2)
    for _ in range(80):
        optimizer.zero_grad()
        model.loss(x, y)["negative_elbo"].mean().backward()
        optimizer.step()
    model.eval()
    drawn = model.sample(64, y).float().mean((1, 2, 3))
    assert drawn[y == 1].mean() - drawn[y == 0].mean() > 3.5
    assert (model.elbo(x, y) - model.elbo(x, 1 - y)).mean() > 5
    assert model.importance_weighted(x, y, k=2).shape == (64,)
    with pytest.raises(ValueError, match="got none"):
        model.loss(x)
