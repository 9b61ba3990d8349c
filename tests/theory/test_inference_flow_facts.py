"""What lecture 5 proves of flows in inference, by counting, closed forms and enumeration."""

import itertools
import math

import numpy as np
import pytest
import torch
from torch.autograd.functional import jacobian
from torch.distributions import MultivariateNormal, Normal, kl_divergence

from pushforward.models.flow.flow import Flow
from pushforward.models.flow.iaf import IAF
from pushforward.models.flow.maf import MAF
from pushforward.models.flow.realnvp import VectorRealNVP
from pushforward.nn.masked import MaskedMLP
from pushforward.probability.bijections.bijection import Bijection
from pushforward.probability.priors import StandardNormal
from pushforward.theory.integer_couplings import integers_back, integers_moved
from pushforward.theory.prior_as_posterior import weight_with_posterior, weight_with_prior


def spread(model, std=0.4):
    """A double-precision model whose weights are far from where they start."""
    torch.manual_seed(0)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=std)
    return model.double().eval()


class Cholesky(Bijection):
    """z = L e: the simplest autoregressive prior, N(0, L L')."""

    def __init__(self, lower):
        super().__init__()
        self.lower, self.context = lower, 0

    def forward(self, x, context=None):
        e = torch.linalg.solve_triangular(self.lower, x.T, upper=False).T
        return e, -self.lower.diagonal().log().sum().expand(len(x))

    def inverse(self, z, context=None):
        return z @ self.lower.T, self.lower.diagonal().log().sum().expand(len(z))


def test_a_flow_in_the_prior_is_the_inverse_flow_in_the_posterior():
    """Weights of both readings agree draw by draw; their means are ELBOs known in closed form."""
    torch.manual_seed(0)
    lower = torch.tensor([[0.8, 0.0], [0.5, 1.3]]).double()
    flow = Flow(StandardNormal((2,)), [Cholesky(lower)]).double()
    q = MultivariateNormal(torch.tensor([0.4, -0.2]).double(), torch.eye(2).double() * 0.3)
    z = q.sample((40_000,))
    x = torch.tensor([1.0, 0.5]).double()
    log_x = Normal(z, 0.7).log_prob(x).sum(1)
    prior = weight_with_prior(log_x, z, q, flow)
    torch.testing.assert_close(prior, weight_with_posterior(log_x, z, q, flow))
    square = (x - q.mean).square().sum() + 0.6
    distortion = square / (2 * 0.49) + math.log(2 * math.pi * 0.49)
    rate = kl_divergence(q, MultivariateNormal(torch.zeros(2).double(), lower @ lower.T))
    error = prior.std() / len(z) ** 0.5
    assert abs(prior.mean() + distortion + rate) < 4 * error


def test_the_moved_posterior_is_a_density():
    """q(e | x) of the second reading is torch's normal of L^-1 z."""
    lower = torch.tensor([[0.8, 0.0], [0.5, 1.3]]).double()
    flow = Flow(StandardNormal((2,)), [Cholesky(lower)]).double()
    q = MultivariateNormal(torch.zeros(2).double(), torch.eye(2).double())
    z = torch.randn(6, 2).double()
    inverse = torch.linalg.inv(lower)
    moved = MultivariateNormal(torch.zeros(2).double(), inverse @ inverse.T)
    e = z @ inverse.T
    expected = flow.base.log_prob(e) - moved.log_prob(e)
    zero = torch.zeros(6).double()
    torch.testing.assert_close(weight_with_posterior(zero, z, q, flow), expected)


@pytest.mark.parametrize(("model", "density", "draw"), [(MAF, 1, 5), (IAF, 5, 1)])
def test_passes_of_density_and_of_draws(model, density, draw):
    """How often the masked network runs, with gradients, for five features."""
    flow = spread(model(5, couplings=1, width=8))
    calls = []
    for net in (m for m in flow.modules() if isinstance(m, MaskedMLP)):
        net.register_forward_hook(lambda *_: calls.append(1))
    flow.log_prob(torch.randn(3, 5).double())
    assert len(calls) == density
    calls.clear()
    flow.rsample_and_log_prob(3)
    assert len(calls) == draw


def jacobi(bijection, z, start):
    """x <- x + (z - f(x)) / f', number by number at once: parameters from the last x."""
    z_of, slope = bijection(start)[0], jacobian(lambda t: bijection(t)[0], start)
    each = torch.stack([slope[n, :, n].diagonal() for n in range(len(z))])
    return start + (z - z_of) / each


@pytest.mark.parametrize(("flow", "rounds"), [(MAF, 4), (VectorRealNVP, 2)])
def test_all_at_once_ends_after_as_many_rounds_as_the_dependence_is_deep(flow, rounds):
    model = spread(flow(4, couplings=1, width=8))
    (step,) = model.bijection.bijections
    z, x = torch.randn(3, 4).double(), torch.zeros(3, 4).double()
    exact = step.inverse(z)[0]
    errors = []
    for _ in range(rounds):
        x = jacobi(step, z, x).detach()
        errors.append((x - exact).abs().max().item())
    assert errors[-1] < 1e-10
    assert errors[-2] > 1e-3


def test_a_coupling_is_triangular_with_a_block_of_ones():
    model = spread(VectorRealNVP(4, couplings=1, width=8))
    (step,) = model.bijection.bijections
    slopes = jacobian(lambda x: step(x[None])[0][0], torch.randn(4).double())
    kept = slopes.diagonal() == 1
    assert kept.sum() == 2
    order = torch.cat([kept.nonzero(), (~kept).nonzero()]).flatten()
    triangle = slopes[order][:, order]
    assert torch.equal(triangle.triu(1), torch.zeros(4, 4).double())
    assert torch.equal(triangle[2:, 2:].tril(-1), torch.zeros(2, 2).double())


@pytest.mark.parametrize(("tall", "wide"), [(6, 2), (2, 6), (5, 5)])
def test_sylvesters_identity(tall, wide):
    """By numpy: det(I + A B) = det(I + B A) for A tall x wide."""
    a, b = np.random.default_rng(0).normal(size=(2, tall, wide))
    left = np.linalg.det(np.eye(tall) + a @ b.T)
    assert left == pytest.approx(np.linalg.det(np.eye(wide) + b.T @ a))


def test_integer_couplings_permute_the_integers():
    """Injective on a box, undone exactly; probabilities are carried without a determinant."""
    x = torch.tensor(list(itertools.product(range(-4, 5), repeat=2)))
    z = integers_moved(x, lambda a: 1.7 * a - 0.3 * a**2)
    assert len(z.unique(dim=0)) == len(x)
    assert torch.equal(integers_back(z, lambda a: 1.7 * a - 0.3 * a**2), x)
    assert z.dtype == torch.int64
    with pytest.raises(ValueError, match="at least two integers"):
        integers_moved(x.double(), lambda a: a)


def test_integer_couplings_untie_what_depends():
    """x_b = round(2.5 x_a) + noise: after the coupling both are independent, by their table."""
    a, noise = np.meshgrid(np.arange(-3, 4), np.arange(3), indexing="ij")
    x = torch.from_numpy(np.stack([a, np.round(2.5 * a) + noise], -1).reshape(-1, 2)).long()
    z = integers_moved(x, lambda t: -2.5 * t)
    table = torch.zeros(7, 3).index_put_((z[:, 0] + 3, z[:, 1]), torch.ones(21), accumulate=True)
    assert torch.equal(table, torch.ones(7, 3))
