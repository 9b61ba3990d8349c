"""What numbers are said to be: the kind that a page prints is the one that the model declares."""

from __future__ import annotations

import pytest
import torch

import pushforward as pf
from pushforward.core import catalogue
from pushforward.core.contract import Bounded, Density, Estimated, Weighted
from pushforward.core.likelihood import EXACT, LOWER_BOUND, NONE
from pushforward.models.flow.dequantized import Dequantized
from pushforward.models.flow.ffjord import FFJORD, ImageFFJORD
from pushforward.models.flow.flow import Flow
from pushforward.models.flow.neural_ode import NeuralODE
from pushforward.models.score.edm import EDM
from pushforward.nn.denoiser import TimeMLP
from pushforward.nn.unet import UNet
from pushforward.nn.velocity import Velocity
from pushforward.probability.bijections.shapes import Flatten
from pushforward.probability.priors import StandardNormal
from pushforward.report.evaluation import likelihood_lines
from pushforward.report.measure import likelihood
from pushforward.solvers.adaptive import DormandPrince
from pushforward.solvers.continuous import Continuous
from pushforward.solvers.fixed import RungeKutta4
from toys import Normal, normal_data

STEPS = RungeKutta4(5)


def test_what_an_ode_gives_is_an_estimate_and_names_its_solver():
    exact = "estimate (5 RungeKutta4 steps, exact divergence)"
    assert str(NeuralODE(2, solver=STEPS).likelihood) == exact
    assert str(FFJORD(2, solver=STEPS, probes=3).likelihood) == exact, "probes are of training"
    tight = NeuralODE(2, solver=DormandPrince(1e-6, 1e-7)).likelihood
    assert str(tight) == "estimate (DormandPrince of rtol 1e-06, atol 1e-07, exact divergence)"
    images = ImageFFJORD(pf.Pixels(1, 2, 2), solver=STEPS, probes=2).likelihood
    assert str(images) == "estimate of a lower bound (5 RungeKutta4 steps, 2 probes)"


def test_whatever_an_ode_is_a_part_of_is_an_estimate_too():
    ode = Continuous(Velocity(4, 4, 8, 1), STEPS, probes=1, adjoint=False)
    space = pf.Pixels(1, 2, 2)
    flow = Flow(StandardNormal((4,)), [Flatten(space.shape), ode], pf.Reals(space.shape))
    assert str(flow.likelihood) == "estimate (5 RungeKutta4 steps, 1 probe)"
    bound = Dequantized(flow, space)
    assert str(bound.likelihood) == "estimate of a lower bound (5 RungeKutta4 steps, 1 probe)"
    x = torch.randint(256, (9, 1, 2, 2), dtype=torch.uint8)
    found = pf.metrics.nats(bound, pf.Split((x,)), k=4)
    assert str(found.kind) == (
        "estimate of an importance-weighted bound (4, 5 RungeKutta4 steps, 1 probe)"
    )


def test_a_diffusions_estimate_says_steps_probes_and_of_what():
    model = EDM(pf.Reals((2,)), TimeMLP(2, width=8, layers=1))
    split = normal_data().test
    assert str(model.likelihood) == "estimate (25 RungeKutta4 steps, exact divergence)"
    found = pf.metrics.nats(model, split, steps=3, probes=2, examples=7)
    assert str(found.kind) == "estimate (3 RungeKutta4 steps, 2 probes)"
    assert found.examples == 7
    images = EDM(pf.Pixels(1, 3, 3), UNet(1, width=4, multipliers=(1,), blocks=1))
    assert str(images.likelihood) == "estimate of a lower bound (25 RungeKutta4 steps, 1 probe)"
    x = torch.randint(256, (100, 1, 3, 3), dtype=torch.uint8)
    bits = pf.metrics.bits_per_dim(images, pf.Split((x,)), steps=12)
    assert "(estimate of a lower bound (12 RungeKutta4 steps, 1 probe), 64 examples)" in str(bits)


def test_choices_that_a_model_does_not_have_are_refused():
    split = normal_data().test
    for choice in ({"steps": 3}, {"probes": 1}, {"tolerance": 1e-3}):
        with pytest.raises(ValueError, match="Normal solves no ODE here: leave"):
            pf.metrics.nats(Normal(2), split, **choice)
    model = EDM(pf.Reals((2,)), TimeMLP(2, width=8, layers=1))
    for bad in ({"steps": 0}, {"probes": -1}, {"examples": 0}):
        with pytest.raises(ValueError, match="must be a whole number"):
            pf.metrics.nats(model, split, **bad)
    for bad in (0.0, -1e-3, float("nan")):
        with pytest.raises(ValueError, match="a tolerance is a positive number"):
            pf.metrics.nats(model, split, tolerance=bad)
    with pytest.raises(ValueError, match="give one of both"):
        pf.metrics.nats(model, split, steps=3, tolerance=1e-3)
    with pytest.raises(ValueError, match="no importance weights"):
        pf.metrics.nats(model, split, k=3)


EXAMPLES = catalogue.examples()
DECLARED = (EXACT, LOWER_BOUND, NONE)


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_kind_that_a_page_prints_is_the_contracts(name):
    """Of every example, by the functions that `compare` and `evaluate` call."""
    torch.manual_seed(0)
    model, data = EXAMPLES[name].build(), pf.data.find(EXAMPLES[name].data)
    has = isinstance(model, Density | Bounded | Estimated)
    assert has == (model.likelihood != NONE)
    assert model.likelihood in DECLARED or str(model.likelihood).startswith("estimate")
    split = data.told(model.given).test.first(3)
    row, lines = likelihood(model, split, k=None), list(likelihood_lines(model, split))
    if row is None:
        assert lines == ["test: likelihood none"]
        assert not has
        return
    assert row.kind == model.likelihood
    assert row.record()["kind"] == str(model.likelihood)
    assert all(f"({model.likelihood}, 3 examples)" in line for line in lines)
    if isinstance(model, Weighted):
        weighted = likelihood(model, split, k=2)
        assert weighted is not None
        assert weighted.kind == model.weighted_likelihood(2)
