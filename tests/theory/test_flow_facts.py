"""What lecture 4 proves of determinants and invertible networks, by dense Jacobians."""

import math

import pytest
import torch
from torch.autograd.functional import jacobian
from torch.nn import functional as F

from pushforward.objectives.quadrature import integral


def normal(*shape):
    return torch.randn(*shape, dtype=torch.float64)


def test_change_of_variables():
    """y = sinh x of a normal x: its density integrates to 1 and has x's expectations."""

    def log_p(y):
        return torch.distributions.Normal(0.0, 1.0).log_prob(y.asinh()) - (1 + y**2).log() / 2

    assert integral(lambda y: log_p(y).exp(), -400, 400, 4_000).item() == pytest.approx(1, abs=1e-6)
    mean = integral(lambda y: log_p(y).exp() * torch.tanh(y) ** 2, -400, 400, 4_000)
    normal_at = torch.distributions.Normal(0.0, 1.0)
    by_x = integral(lambda x: normal_at.log_prob(x).exp() * torch.tanh(x.sinh()) ** 2, -9, 9)
    assert mean.item() == pytest.approx(by_x.item(), abs=1e-6)


@pytest.mark.parametrize(("dims", "rank"), [(5, 1), (6, 3)])
def test_determinant_lemma(dims, rank):
    u, v = normal(dims, rank), normal(dims, rank)
    a = normal(dims, dims) + 3 * torch.eye(dims).double()
    right = torch.det(torch.eye(rank).double() + v.T @ torch.linalg.solve(a, u)) * torch.det(a)
    torch.testing.assert_close(torch.det(a + u @ v.T), right)


def test_a_planar_step_is_invertible_just_where_it_is_said():
    """z + u tanh(w z + b): along w it is t + (w u) tanh(t + b), monotone iff w u >= -1."""
    t = torch.linspace(-6, 6, 4_001).double()
    for slope, invertible in ((-0.99, True), (-1.0, True), (-1.05, False), (2.0, True)):
        rises = (t + slope * torch.tanh(t + 0.3)).diff() > -1e-12
        assert bool(rises.all()) is invertible


def test_determinant_of_a_coupling():
    """Copied dimensions, and others scaled by a function of them: the product of the scales."""
    weights = normal(2, 2)

    def coupling(x):
        log_scale = torch.tanh(weights @ x[:2])
        return torch.cat([x[:2], x[2:] * log_scale.exp() + (weights @ x[:2]) ** 2])

    x = normal(4)
    found = torch.linalg.slogdet(jacobian(coupling, x)).logabsdet
    torch.testing.assert_close(found, torch.tanh(weights @ x[:2]).sum())


def test_determinant_of_a_one_by_one_convolution():
    w, image = normal(3, 3), normal(3, 4, 5)

    def convolved(x):
        return F.conv2d(x.view(1, 3, 4, 5), w[..., None, None]).flatten()

    found = torch.linalg.slogdet(jacobian(convolved, image.flatten())).logabsdet
    torch.testing.assert_close(found, 20 * torch.linalg.slogdet(w).logabsdet)


def test_determinant_of_reflections():
    """Q of k Householder reflections has determinant (-1)^k, and QR's is that of R's diagonal."""
    q = torch.eye(4).double()
    for k in range(3):
        v = normal(4)
        q = q @ (torch.eye(4).double() - 2 * torch.outer(v, v) / (v @ v))
        assert torch.det(q).item() == pytest.approx((-1) ** (k + 1))
    r = normal(4, 4).triu()
    torch.testing.assert_close(torch.det(q @ r).abs(), r.diagonal().prod().abs())


def test_emerging_convolutions_have_the_determinant_of_their_centres():
    """One masked convolution in raster order and one against it: both triangular."""
    before = torch.tensor([[1.0, 1, 1], [1, 0, 0], [0, 0, 0]]).double()
    centres = torch.rand(2).double() + 1.5  # near 0 the whole would be singular
    kernels = [normal(3, 3) * before, (normal(3, 3) * before).flip(0, 1)]
    for kernel, centre in zip(kernels, centres):
        kernel[1, 1] = centre

    def emerging(x):
        x = x.view(1, 1, 4, 4)
        for kernel in kernels:
            x = F.conv2d(x, kernel[None, None], padding=1)
        return x.flatten()

    matrix = jacobian(emerging, normal(16))
    found = torch.linalg.slogdet(matrix).logabsdet
    torch.testing.assert_close(found, 16 * centres.abs().log().sum())
    whole = jacobian(emerging, torch.zeros(16).double())
    corner = whole.view(4, 4, 4, 4)[2, 2, 1:4, 1:4]
    assert (corner != 0).all(), "together they see on all sides"


def test_a_reversible_block_is_inverted_and_keeps_volume():
    def f(x):
        return torch.sin(3 * x) + x**2

    def forward(x):
        first = x[:3] + f(x[3:])
        return torch.cat([first, x[3:] + f(first)])

    def back(y):
        second = y[3:] - f(y[:3])
        return torch.cat([y[:3] - f(second), second])

    x = normal(6)
    torch.testing.assert_close(back(forward(x)), x)
    assert torch.det(jacobian(forward, x)).item() == pytest.approx(1)


def test_a_flow_of_a_normal_cannot_have_a_gap():
    """A rising map of the line: the mass between two modes is that between two quantiles, > 0."""
    mass = 0.01
    x = torch.distributions.Normal(0.0, 1.0).icdf(torch.tensor([0.5 - mass / 2, 0.5 + mass / 2]))
    width, gap = (x[1] - x[0]).item(), 6.0
    steepness = gap / width
    assert steepness > 200, "a gap of 6 with a hundredth of the mass needs so steep a map"
    assert steepness == pytest.approx(gap / (mass * math.sqrt(2 * math.pi)), rel=1e-2)


def test_nothing_of_a_copied_half_changes():
    """One coupling leaves the law of the copied dimensions as it was, whatever its network."""
    x = normal(1_000, 4)
    y = torch.cat([x[:, :2], x[:, 2:] * (x[:, :2] ** 2).exp() + 5], 1)
    assert torch.equal(y[:, :2], x[:, :2])
    again = torch.cat([y[:, :2] + y[:, 2:].sin(), y[:, 2:]], 1)
    assert not torch.equal(again[:, :2], x[:, :2])
