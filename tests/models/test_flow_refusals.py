"""Bad input to flows: a clear error, or the right answer."""

from __future__ import annotations

import math

import pytest
import torch

from pushforward.core.spaces import Pixels
from pushforward.models.flow.dequantized import of_images
from pushforward.models.flow.flowpp import FlowPP
from pushforward.models.flow.glow import Glow
from pushforward.models.flow.iaf import IAF
from pushforward.models.flow.maf import MAF
from pushforward.models.flow.neural_ode import NeuralODE
from pushforward.models.flow.nice import NICE
from pushforward.models.flow.nsf import NSF, AutoregressiveNSF
from pushforward.models.flow.planar import PlanarFlow
from pushforward.models.flow.realnvp import RealNVP, VectorRealNVP
from pushforward.models.flow.sylvester import DenseSylvesterFlow, SylvesterFlow
from pushforward.solvers.adaptive import StepUnderflow
from pushforward.solvers.fixed import RungeKutta4


@pytest.mark.parametrize("model", [RealNVP, Glow, FlowPP])
def test_odd_sides(model):
    with pytest.raises(ValueError, match=r"multiples of \d, not 7x12: pad or crop"):
        model(Pixels(1, 7, 12))


@pytest.mark.parametrize(
    "model", [NICE, VectorRealNVP, NSF, MAF, IAF, PlanarFlow, SylvesterFlow, DenseSylvesterFlow]
)
def test_a_context_of_the_wrong_width(model):
    flow, x = model(2, context=3), torch.zeros(4, 2)
    with pytest.raises(ValueError, match=r"expected shape \(batch, 3\), was given shape \(4, 5\)"):
        flow.log_prob(x, torch.zeros(4, 5))
    with pytest.raises(ValueError, match="got none"):
        flow.sample(4)


@pytest.mark.parametrize("model", [NICE, VectorRealNVP, NSF])
def test_couplings_refuse_one_feature(model):
    with pytest.raises(ValueError, match="2 features or more"):
        model(1)


@pytest.mark.parametrize(
    "model", [MAF, IAF, AutoregressiveNSF, PlanarFlow, SylvesterFlow, DenseSylvesterFlow]
)
def test_other_flows_of_one_feature_are_densities(model):
    torch.manual_seed(0)
    flow = model(1).double()
    line = torch.linspace(-12, 12, 2001, dtype=torch.float64)[:, None]
    with torch.no_grad():
        mass = flow.log_prob(line).exp().sum() * 24 / 2000
    assert abs(mass - 1) < 1e-3
    assert flow.sample(3).shape == (3, 1)


@pytest.mark.parametrize(
    "build",
    [
        lambda space: Glow(space, 2, 1, 4),
        lambda space: RealNVP(space, couplings=1, width=4, blocks=1),
        lambda space: of_images(MAF(64, 2, 16, normalised=True), space),
    ],
)
def test_constant_data_is_learned(build):
    """A flow may not divide by a variance of zero."""
    torch.manual_seed(0)
    model = build(Pixels(1, 8, 8))
    x = torch.full((16, 1, 8, 8), 7, dtype=torch.uint8)
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    for _ in range(20):
        optimizer.zero_grad()
        loss = model.loss(x)["negative_elbo"].mean()
        loss.backward()
        optimizer.step()
    assert loss < 64 * math.log(256) / 10  # a tenth of what uniform pixels cost
    assert torch.isfinite(model.eval().elbo(x)).all()
    assert model.sample(2).shape == (2, 1, 8, 8)


def test_a_batch_of_one_at_the_start():
    x = torch.randint(256, (1, 1, 8, 8), dtype=torch.uint8)
    assert torch.isfinite(Glow(Pixels(1, 8, 8), 2, 1, 4).loss(x)["negative_elbo"]).all()
    with pytest.raises(ValueError, match="two values or more: enlarge the batch"):
        Glow(Pixels(1, 8, 8), 3, 1, 4).loss(x)  # the last scale is a single place


def test_a_flow_that_blows_up_says_when_and_what_to_do():
    model = NeuralODE(2, width=8, layers=1)
    with torch.no_grad():
        model.ode.velocity.layers[-1].layer.weight.fill_(1e12)
    with pytest.raises(StepUnderflow, match=r"at t = .*(raise the tolerances|Raise rtol)"):
        model.log_prob(torch.ones(3, 2))
    with torch.no_grad():
        model.ode.velocity.layers[-1].layer.weight.fill_(math.nan)
    with pytest.raises(StepUnderflow, match="not a number at t = 0"):
        model.log_prob(torch.ones(3, 2))
    fixed = NeuralODE(2, width=8, layers=1, solver=RungeKutta4(2))
    assert torch.isfinite(fixed.log_prob(torch.ones(3, 2))).all()


def test_images_of_another_size_than_the_vectors():
    with pytest.raises(ValueError, match="keeps the dimension"):
        of_images(MAF(10), Pixels(1, 4, 4))
