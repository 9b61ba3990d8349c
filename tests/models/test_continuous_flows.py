from __future__ import annotations

import pytest
import torch
from scipy.integrate import quad
from scipy.linalg import expm

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


class Linear(torch.nn.Module):
    """v = A x, whose rows are orthogonal: |e' A|^2 is the same for all signs e."""

    matrix = torch.tensor([[0.3, 0.4], [-0.8, 0.6]], dtype=torch.float64)

    def forward(self, x, t):
        return x @ self.matrix.T


@pytest.mark.parametrize("probes", [1, 3])
def test_penalties_are_those_of_a_linear_field_by_scipy(probes):
    """Finlay et al., eqs. 6-7: int |v|^2 / D dt by quadrature, int |e' A|^2 / D dt = |A|^2 / D."""
    a, ode = Linear.matrix.numpy(), Continuous(Linear(), TIGHT, adjoint=False)
    x = torch.tensor([[1.0, -0.4], [0.2, 0.7]], dtype=torch.float64)
    with torch.no_grad():
        z, extra = ode.carried(x, None, 0.0, 1.0, probes)
    assert z.numpy() == pytest.approx(x.numpy() @ expm(a).T, abs=1e-7)
    for row, (trace, kinetic, jacobian) in zip(x.numpy(), extra.tolist()):
        power = quad(lambda t, row=row: ((a @ expm(a * t) @ row) ** 2).mean(), 0, 1)[0]
        assert kinetic == pytest.approx(power, abs=1e-7)
        assert jacobian == pytest.approx((a**2).sum() / 2, abs=1e-7)
        assert trace == pytest.approx(a.trace(), abs=0.5)  # off the diagonal signs do not cancel


@pytest.mark.parametrize("normal", [False, True])
def test_the_loss_weighs_each_penalty_by_its_own_weight(normal):
    torch.manual_seed(0)
    model = FFJORD(
        2, width=8, solver=RungeKutta4(2), kinetic=0.5, jacobian=0.25, normal=normal
    ).double()
    x = torch.randn(5, 2, dtype=torch.float64)
    torch.manual_seed(1)
    terms = model.loss(x)
    ode = Continuous(model.ode.velocity, RungeKutta4(2), 1, adjoint=False, normal=normal)
    torch.manual_seed(1)
    _, extra = ode.carried(x, None, 0.0, 1.0, 1)
    torch.testing.assert_close(terms["kinetic"], 0.5 * extra[:, 1])
    torch.testing.assert_close(terms["jacobian"], 0.25 * extra[:, 2])
    assert not torch.equal(extra[:, 1], extra[:, 2])


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


def test_images_pay_for_the_paths_of_every_scale():
    torch.manual_seed(0)
    model = ImageFFJORD(
        Pixels(1, 4, 4, levels=4), 2, 4, 1, RungeKutta4(2), kinetic=0.5, jacobian=0.25, normal=True
    )
    x, found = torch.randint(4, (3, 1, 4, 4), dtype=torch.uint8), []
    chain = model.dequantized.flow.bijection
    odes = [m for m in chain.modules() if isinstance(m, Continuous)]
    for ode in odes:
        carried = ode.carried
        ode.carried = lambda *a, f=carried: found.append(f(*a)) or found[-1]
    torch.manual_seed(1)
    terms = model.loss(x)
    assert len(odes) == len(found) == 2
    assert all(ode.normal for ode in odes)
    expected = sum(extra[:, 1:] for _, extra in found)
    torch.testing.assert_close(terms["kinetic"], 0.5 * expected[:, 0])
    torch.testing.assert_close(terms["jacobian"], 0.25 * expected[:, 1])
    torch.manual_seed(1)
    torch.testing.assert_close(terms["negative_elbo"], -model.elbo(x))
    assert (terms["jacobian"] > 0).all()


def test_a_field_of_images_is_smooth_in_time():
    net = ConvVelocity(2, 2, 4)
    x = torch.randn(1, 2, 5, 5)
    assert 0 < (net(x, 0.5) - net(x, 0.501)).abs().max() < 0.01
