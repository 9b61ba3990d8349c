from __future__ import annotations

import pytest
import torch

from pushforward.core.spaces import Pixels
from pushforward.models.flow.ffjord import FFJORD, ImageFFJORD
from pushforward.models.flow.neural_ode import NeuralODE
from pushforward.nn.velocity import ConvVelocity, Velocity
from pushforward.solvers.adaptive import DormandPrince
from pushforward.solvers.continuous import Continuous
from pushforward.solvers.fixed import RungeKutta4

TIGHT = DormandPrince(1e-8, 1e-8)


@pytest.mark.parametrize("context", [0, 2])
def test_a_continuous_bijection_obeys_the_law(context):
    """Inverse, and log_det against autograd's Jacobian through the solver's steps."""
    torch.manual_seed(0)
    ode = Continuous(Velocity(3 + context, 3, 8, 1), TIGHT, adjoint=False, context=context).double()
    x = torch.randn(2, 3, dtype=torch.float64)
    c = torch.randn(2, 2, dtype=torch.float64) if context else None
    z, log_det = ode(x, c)
    back, back_det = ode.inverse(z, c)
    torch.testing.assert_close(back, x, atol=1e-6, rtol=0)
    torch.testing.assert_close(back_det, -log_det, atol=1e-6, rtol=0)
    torch.testing.assert_close(ode.push(z, c), x, atol=1e-6, rtol=0)
    row = None if c is None else c[:1]
    jacobian = torch.autograd.functional.jacobian(lambda v: ode(v[None], row)[0][0], x[0])
    torch.testing.assert_close(log_det[0], jacobian.slogdet()[1], atol=1e-6, rtol=0)


@pytest.mark.parametrize("normal", [False, True])
def test_hutchinsons_mean_is_the_exact_trace(normal):
    torch.manual_seed(0)
    velocity = Velocity(3, 3, 8, 1).double()
    x = torch.randn(1, 3, dtype=torch.float64).expand(2000, 3)
    with torch.no_grad():
        exact = Continuous(velocity, RungeKutta4(4))(x[:1])[1]
        drawn = Continuous(velocity, RungeKutta4(4), probes=2, normal=normal)(x)[1]
    error = drawn.std() / len(x) ** 0.5
    assert abs(drawn.mean() - exact[0]) < 4 * error
    assert 0 < error < 0.2


def test_log_prob_integrates_to_one():
    torch.manual_seed(0)
    model = FFJORD(2, width=16, solver=RungeKutta4(8)).double()
    side = torch.linspace(-9, 9, 90, dtype=torch.float64)
    grid = torch.cartesian_prod(side, side)
    with torch.no_grad():
        mass = model.log_prob(grid).exp().sum() * (side[1] - side[0]) ** 2
    assert abs(mass - 1) < 1e-3


def test_adjoint_and_direct_gradients_agree_with_a_context():
    torch.manual_seed(0)
    model = NeuralODE(2, width=8, solver=TIGHT, context=1).double()
    x, c = torch.randn(4, 2).double(), torch.randn(4, 1).double().requires_grad_()
    found = []
    for adjoint in (False, True):
        model.ode.adjoint = adjoint
        loss = -model.log_prob(x, c).mean()
        found.append(torch.autograd.grad(loss, [c, *model.parameters()]))
    for one, other in zip(*found):
        torch.testing.assert_close(one, other, atol=1e-6, rtol=1e-5)


def test_penalties_straighten_and_calls_are_counted():
    torch.manual_seed(0)
    model = FFJORD(2, width=8, kinetic=0.5, jacobian=0.25, solver=RungeKutta4(2))
    terms = model.loss(torch.randn(5, 2))
    assert set(terms) == {"nll", "kinetic", "jacobian"}
    assert all(t.shape == (5,) and (t >= 0).all() for k, t in terms.items() if k != "nll")
    model.ode.calls = 0
    model.sample(3)
    assert model.ode.calls == 8
    path = model.trajectory(model.latents(3), [1.0, 0.5, 0.0])
    assert path.shape == (3, 3, 2)


def test_images_come_back_and_odd_sides_are_refused():
    torch.manual_seed(0)
    model = ImageFFJORD(Pixels(1, 6, 6, levels=16), scales=2, width=4, layers=1, solver=TIGHT)
    x = torch.randint(16, (3, 1, 6, 6), dtype=torch.uint8)
    with torch.no_grad():
        assert torch.equal(model.push(model.noise(x)), x)
    assert not hasattr(model, "importance_weighted")
    with pytest.raises(ValueError, match="multiples of 2, not 7x6"):
        ImageFFJORD(Pixels(1, 7, 6))
    with pytest.raises(ValueError, match="FFJORD for vectors"):
        ImageFFJORD(FFJORD(2).space)


def test_a_field_of_images_is_smooth_in_time():
    net = ConvVelocity(2, 2, 4)
    x = torch.randn(1, 2, 5, 5)
    assert 0 < (net(x, 0.5) - net(x, 0.501)).abs().max() < 0.01
