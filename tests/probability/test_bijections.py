"""One law over all bijections: the inverse, and log_det against autograd's Jacobian, in float64."""

from __future__ import annotations

import pytest
import torch

from pushforward.nn.conv import ConvEncoder
from pushforward.nn.masked import MaskedMLP
from pushforward.nn.mlp import MLP
from pushforward.nn.residual import ResidualNet
from pushforward.probability.bijections.autoregressive import Autoregressive
from pushforward.probability.bijections.bijection import Chain, Inverse
from pushforward.probability.bijections.coupling import ContextAffine, Coupling
from pushforward.probability.bijections.dense_sylvester import DenseSylvester
from pushforward.probability.bijections.elementwise import Additive, Affine, SigmoidAffine
from pushforward.probability.bijections.emerging import CausalConv, Emerging
from pushforward.probability.bijections.linear import LUMixing, Mixing, QRMixing, Scale
from pushforward.probability.bijections.logistic_mixture import LogisticMixture
from pushforward.probability.bijections.logit import Logit
from pushforward.probability.bijections.normalisation import ActNorm, BatchNorm
from pushforward.probability.bijections.planar import Planar
from pushforward.probability.bijections.shapes import (
    FactorOut,
    Flatten,
    Permutation,
    Reverse,
    Squeeze,
)
from pushforward.probability.bijections.spline import Spline
from pushforward.probability.bijections.splits import Alternate, Checkerboard, Halves
from pushforward.probability.bijections.sylvester import Sylvester

IMAGE, VECTOR = (4, 4, 2), (5,)


def image_coupling(split, arity, map, context=0):
    copied, moved = split.sizes(IMAGE[0])
    return Coupling(ResidualNet(copied + context, arity * moved, 6, 1), split, map, context)


def vector_coupling(split, map, context=0):
    copied, moved = split.sizes(5)
    return Coupling(MLP(copied + context, map.arity * moved, 8), split, map, context)


CASES = {
    "affine halves": (lambda: vector_coupling(Halves(), Affine()), VECTOR),
    "affine flipped": (lambda: vector_coupling(Halves(flip=True), Affine()), VECTOR),
    "affine in context": (lambda: vector_coupling(Halves(), Affine(), 3), VECTOR),
    "additive alternate": (lambda: vector_coupling(Alternate(), Additive()), VECTOR),
    "additive flipped": (lambda: vector_coupling(Alternate(flip=True), Additive()), VECTOR),
    "sigmoid": (lambda: vector_coupling(Halves(), SigmoidAffine()), VECTOR),
    "image halves": (lambda: image_coupling(Halves(), 2, Affine()), IMAGE),
    "checkerboard": (lambda: image_coupling(Checkerboard(), 2, Affine()), IMAGE),
    "checkerboard flipped": (
        lambda: image_coupling(Checkerboard(flip=True), 2, Affine(), 3),
        IMAGE,
    ),
    "context alone": (lambda: ContextAffine(MLP(3, 10, 8), 3), VECTOR),
    "context alone, image": (lambda: ContextAffine(MLP(3, 8, 8), 3), IMAGE),
    "permutation": (lambda: Permutation((2, 0, 1, 4, 3)), VECTOR),
    "reverse": (Reverse, VECTOR),
    "squeeze": (Squeeze, IMAGE),
    "flatten": (lambda: Flatten(IMAGE), IMAGE),
    "factor out": (
        lambda: Chain(
            Squeeze(),
            FactorOut((16, 2, 1), Chain(vector_first(), Flatten((8, 2, 1)))),
        ),
        IMAGE,
    ),
    "actnorm": (lambda: ActNorm(5), VECTOR),
    "actnorm, image": (lambda: ActNorm(4), IMAGE),
    "batch norm": (lambda: BatchNorm(5), VECTOR),
    "batch norm, image": (lambda: BatchNorm(4), IMAGE),
    "logit": (lambda: Logit(0.05), VECTOR),
    "scale": (lambda: Scale(5), VECTOR),
    "mixing": (lambda: Mixing(5), VECTOR),
    "mixing, image": (lambda: Mixing(4), IMAGE),
    "LU mixing": (lambda: LUMixing(5), VECTOR),
    "LU mixing, image": (lambda: LUMixing(4), IMAGE),
    "QR mixing": (lambda: QRMixing(5), VECTOR),
    "QR mixing, image": (lambda: QRMixing(4), IMAGE),
    "causal convolution": (lambda: CausalConv(4), IMAGE),
    "emerging convolution": (lambda: Emerging(4), IMAGE),
    "emerging convolution of 9 x 9": (lambda: Emerging(4, 2), IMAGE),
    "spline": (lambda: vector_coupling(Halves(), Spline(4, bound=0.7)), VECTOR),
    "logistic mixture": (lambda: vector_coupling(Halves(), LogisticMixture(3)), VECTOR),
    "checkerboard mixture": (
        lambda: image_coupling(Checkerboard(), 8, LogisticMixture(2)),
        IMAGE,
    ),
    "autoregressive": (lambda: autoregressive(Affine()), VECTOR),
    "autoregressive in context": (lambda: autoregressive(Affine(), 3), VECTOR),
    "autoregressive spline": (lambda: autoregressive(Spline(4, bound=0.7)), VECTOR),
    "autoregressive mixture": (lambda: autoregressive(LogisticMixture(2)), VECTOR),
    "planar": (lambda: Planar(5), VECTOR),
    "planar in context": (lambda: Planar(5, 3), VECTOR),
    "sylvester": (lambda: Sylvester(5, 3), VECTOR),
    "sylvester in context": (lambda: Sylvester(5, 2, context=3), VECTOR),
    "dense sylvester": (lambda: DenseSylvester(5, 3), VECTOR),
    "dense sylvester of all": (lambda: DenseSylvester(5, 5), VECTOR),
    "dense sylvester in context": (lambda: DenseSylvester(5, 2, 3), VECTOR),
    "inverse": (lambda: Inverse(vector_coupling(Halves(), Affine(), 3)), VECTOR),
}


def autoregressive(map, context=0):
    net = MaskedMLP(5, 1, map.arity, width=12, shuffled=True, context=context)
    return Autoregressive(net, map, context)


def vector_first():
    return Coupling(ResidualNet(4, 8, 4, 1), Halves(), Affine())


def scrambled(bijection):
    """Weights away from where they start, where many bijections are the identity."""
    for parameter in bijection.parameters():
        torch.nn.init.normal_(parameter, std=0.4)
    return bijection.double()


def prepared(name):
    torch.manual_seed(0)
    build, shape = CASES[name]
    bijection = scrambled(build())
    x = torch.rand(3, *shape, dtype=torch.float64) * 0.9 + 0.05
    context = torch.randn(3, 3, dtype=torch.float64) if bijection.context else None
    bijection(x, context)  # in training mode: running statistics move, then stay
    return bijection.eval(), x, context


@pytest.mark.parametrize("name", CASES)
def test_inverse(name):
    bijection, x, context = prepared(name)
    z, log_det = bijection(x, context)
    back, back_det = bijection.inverse(z, context)
    torch.testing.assert_close(back, x, rtol=1e-8, atol=1e-8)
    torch.testing.assert_close(back_det, -log_det, rtol=1e-8, atol=1e-8)
    torch.testing.assert_close(bijection.push(z, context), x, rtol=1e-8, atol=1e-8)
    assert log_det.shape == (3,)
    with torch.no_grad():  # where autoregressive ones cache
        cached, cached_det = bijection.inverse(z, context)
    torch.testing.assert_close(cached, x, rtol=1e-8, atol=1e-8)
    torch.testing.assert_close(cached_det, back_det, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("name", CASES)
def test_log_det_is_autograds(name):
    bijection, x, context = prepared(name)
    _, log_det = bijection(x, context)
    for i in range(len(x)):
        row = None if context is None else context[i : i + 1]
        jacobian = torch.autograd.functional.jacobian(
            lambda v, row=row: bijection(v[None], row)[0].flatten(), x[i]
        )
        expected = jacobian.reshape(x[i].numel(), -1).slogdet()[1]
        torch.testing.assert_close(log_det[i], expected, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize(
    "map",
    [Additive(), Affine(), Affine(0.5), SigmoidAffine(), Spline(4), LogisticMixture(2)],
    ids=lambda m: type(m).__name__,
)
def test_gradients_of_maps_are_finite_differences(map):
    torch.manual_seed(0)
    x, parameters = torch.randn(2, 3).double(), torch.randn(2, map.arity, 3).double()
    both = x.requires_grad_(), parameters.requires_grad_()
    assert torch.autograd.gradcheck(map, both)
    assert torch.autograd.gradcheck(map.inverse, both)


@pytest.mark.parametrize("name", ["planar", "sylvester", "dense sylvester"])
def test_no_numbers_fold_space(name):
    """However large they are, the map is one to one, as its construction promises."""
    torch.manual_seed(0)
    for _ in range(20):
        bijection = CASES[name][0]().double()
        torch.nn.init.normal_(next(bijection.parameters()), std=3.0)
        x = torch.randn(50, 5, dtype=torch.float64)
        z, log_det = bijection(x)
        assert log_det.isfinite().all()
        torch.testing.assert_close(bijection.inverse(z)[0], x, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", [n for n, (build, _) in CASES.items() if "context" in n])
def test_context_matters_and_is_checked(name):
    bijection, x, context = prepared(name)
    assert not torch.equal(bijection(x, context)[0], bijection(x, context + 1)[0])
    with pytest.raises(ValueError, match="got none"):
        bijection(x)
    with pytest.raises(ValueError, match=r"\(3, 3\), not \(3, 2\)"):
        bijection(x, context[:, :2])


@pytest.mark.parametrize(("split", "shape"), [(Alternate(), (5,)), (Checkerboard(), (2, 4, 6))])
@pytest.mark.parametrize("flip", [False, True])
def test_splits_take_apart_and_join(split, shape, flip):
    split = type(split)(flip)
    x = torch.randn(2, *shape)
    copied, moved = split.apart(x)
    assert copied.numel() + moved.numel() == x.numel()
    assert torch.equal(split.join(copied, moved), x)


def test_a_checkerboard_is_one():
    board = torch.arange(16).reshape(1, 1, 4, 4)
    black, white = Checkerboard().apart(board)
    assert black.flatten().tolist() == [0, 2, 5, 7, 8, 10, 13, 15]
    assert white.flatten().tolist() == [1, 3, 4, 6, 9, 11, 12, 14]


def test_actnorm_starts_from_the_first_training_batch():
    torch.manual_seed(0)
    norm, x = ActNorm(3), torch.randn(64, 3) * torch.tensor([1.0, 5.0, 0.1]) + 2
    x[:, 2] = 7.0  # a constant channel keeps its scale
    assert torch.equal(norm.eval()(x)[0], x)
    z, _ = norm.train()(x)
    torch.testing.assert_close(z.mean(0), torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(z.var(0, correction=0), torch.tensor([1.0, 1.0, 0.0]))
    again, _ = norm(x + 1)
    assert not torch.allclose(again, z)  # only the first batch counts


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
def test_actnorm_takes_a_channel_for_constant_by_its_own_size(scale):
    x = torch.randn(1000, 2) * scale
    x[:, 1] = 0.1 * scale  # whose mean is rounded
    z, log_det = ActNorm(2)(x)
    torch.testing.assert_close(z[:, 0].var(correction=0), torch.tensor(1.0))
    assert z[:, 1].abs().max() <= 16 * torch.finfo(x.dtype).eps * 0.1 * scale
    torch.testing.assert_close(log_det, -x[:, 0].std(correction=0).log().expand(1000))


@pytest.mark.parametrize("norm", [ActNorm(3), BatchNorm(3)])
def test_a_batch_of_one_is_refused(norm):
    with pytest.raises(ValueError, match="two values or more"):
        norm(torch.randn(1, 3))


def test_batch_norm_in_training_is_the_batchs():
    torch.manual_seed(0)
    norm, x = BatchNorm(3), torch.randn(32, 3) * 4 + 1
    z, log_det = norm(x)
    torch.testing.assert_close(z, torch.nn.functional.batch_norm(x, None, None, training=True))
    expected = -0.5 * (x.var(0, correction=0) + 1e-5).log().sum()
    torch.testing.assert_close(log_det, expected.expand(32))
    peer = torch.nn.BatchNorm1d(3)
    peer(x)
    torch.testing.assert_close(norm.mean, peer.running_mean)
    unbiased = (norm.variance - 0.9) * 32 / 31 + 0.9  # torch keeps that, of which ours is 31 / 32
    torch.testing.assert_close(unbiased, peer.running_var)


def test_odd_sides_are_refused():
    for bijection in (Squeeze(), image_coupling(Checkerboard(), 2, Affine())):
        with pytest.raises(ValueError, match="even sides"):
            bijection(torch.randn(2, 4, 5, 4))


def test_the_encoder_is_not_touched_by_the_inverse():
    """A context from any network carries gradients through both directions."""
    encoder = ConvEncoder((1, 8, 8), 3, width=4)
    flow = vector_coupling(Halves(), Affine(), 3)
    x, _ = flow.inverse(torch.randn(2, 5), encoder(torch.randn(2, 1, 8, 8)))
    x.sum().backward()
    assert all(p.grad is not None for p in encoder.parameters())


@pytest.mark.parametrize(
    "name",
    [
        "planar",
        "sylvester",
        "dense sylvester",
        "logistic mixture",
        "spline",
        "emerging convolution",
    ],
)
def test_gradients_of_the_inverse_are_the_implicit_ones(name):
    """d inverse / d parameter against finite differences."""
    bijection, x, _ = prepared(name)
    z = bijection(x)[0].detach()
    parameter = next(p for p in bijection.parameters() if p.dim() == 1)
    (gradient,) = torch.autograd.grad(bijection.inverse(z)[0].sin().sum(), parameter)
    with torch.no_grad():
        parameter[0] += 1e-6
        up = bijection.inverse(z)[0].sin().sum()
        parameter[0] -= 2e-6
        down = bijection.inverse(z)[0].sin().sum()
    torch.testing.assert_close(gradient[0], (up - down) / 2e-6, rtol=1e-5, atol=1e-7)
