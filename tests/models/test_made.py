import warnings

import pytest
import torch

from pushforward.core.spaces import Pixels, Reals, Tokens
from pushforward.models.autoregressive.made import MADE
from pushforward.nn.masked import MaskedMLP, Unrolled
from pushforward.probability.heads import (
    BinaryHead,
    CategoricalHead,
    GaussianHead,
    GaussianMixtureHead,
    head_for,
)

MODELS = {
    "binary": (Pixels(1, 3, 3, 2), {}),
    "binary, 1 number": (Pixels(1, 1, 1, 2), {}),
    "pixels, 3 masks": (Pixels(1, 2, 2, 5), {"masks": 3, "shuffled": True, "direct": True}),
    "tokens": (Tokens(4, 3), {"direct": True, "layers": 2}),
    "gaussian": (Reals((5,)), {"shuffled": True, "layers": 3}),
    "mixture": (Reals((2, 2)), {"head": GaussianMixtureHead(3)}),
}


@pytest.fixture(params=MODELS)
def model(request):
    torch.manual_seed(0)
    space, options = MODELS[request.param]
    return MADE(space, width=24, **options).double()


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("context", [0, 3])
@pytest.mark.parametrize("direct", [False, True])
def test_jacobian_is_strictly_triangular_and_full_below(which, context, direct):
    torch.manual_seed(0)
    net = MaskedMLP(5, 2, 3, 64, 2, masks=2, shuffled=True, direct=direct, context=context).double()
    given = torch.randn(1, context).double() if context else None
    x = torch.randn(1, 5, 2).double()
    jacobian = torch.autograd.functional.jacobian(lambda x: net(x, given, which), x)
    order = net.order(which)
    depends = jacobian[0, :, :, 0].abs().amax((1, 3))[order][:, order]
    assert torch.equal(depends > 0, torch.ones(5, 5).tril(-1).bool())


def test_context_reaches_the_first_dimension():
    net = MaskedMLP(3, context=2, width=12)
    c = torch.randn(1, 2, requires_grad=True)
    net(torch.zeros(1, 3, 1), c)[0, 0].sum().backward()
    assert c.grad.abs().min() > 0


def test_cached_sampling_equals_naive(model):
    torch.manual_seed(1)
    cached = model.sample(9)
    torch.manual_seed(1)
    naive = model.sample_naively(9)
    torch.testing.assert_close(cached, naive, rtol=0, atol=1e-12)


def test_unrolled_with_context_equals_the_pass():
    torch.manual_seed(0)
    net = MaskedMLP(6, 2, 3, 20, 3, masks=2, shuffled=True, direct=True, context=4).double()
    x, context = torch.randn(5, 6, 2).double(), torch.randn(5, 4).double()
    for which in (0, 1):
        run, seen = Unrolled(net, 5, context, which), []
        for i, d in enumerate(net.order(which)):
            seen.append(run.parameters(i).clone())
            run.know(i, x[:, d])
        whole = net(x, context, which)[:, net.order(which)]
        torch.testing.assert_close(torch.stack(seen, 1), whole, rtol=0, atol=1e-12)


@pytest.mark.parametrize("masks", [1, 4])
def test_sums_to_one(masks):
    torch.manual_seed(0)
    model = MADE(Pixels(1, 2, 5, 2), width=40, masks=masks, shuffled=True).double()
    for p in model.parameters():
        p.data *= 4
    x = torch.cartesian_prod(*[torch.arange(2, dtype=torch.uint8)] * 10).view(-1, 1, 2, 5)
    assert model.log_prob(x).exp().sum().item() == pytest.approx(1, abs=1e-12)


def test_likelihood_is_the_mean_over_masks_and_training_takes_one():
    torch.manual_seed(0)
    model = MADE(Tokens(3, 4), width=30, masks=5, shuffled=True).double()
    x = torch.randint(4, (6, 3))
    each = torch.stack(
        [
            model.head(model.conditionals(x, k)).log_prob(x).sum(1)  # torch.distributions
            for k in range(5)
        ]
    )
    torch.testing.assert_close(model.log_prob(x), each.exp().mean(0).log())
    seen = torch.stack([-model.train().loss(x)["nll"] for _ in range(60)])
    apart = (seen[:, None] - each).abs().amax(2)  # (60 steps, 5 masks)
    assert apart.min(1).values.max() < 1e-12
    assert apart.min(0).values.max() < 1e-12
    torch.testing.assert_close(-model.eval().loss(x)["nll"], model.log_prob(x))


def test_orders_and_masks_differ():
    net = MaskedMLP(8, width=50, masks=3, shuffled=True)
    assert len({tuple(net.order(k)) for k in range(3)}) == 3
    assert not torch.equal(net.degrees[0], net.degrees[1])
    assert net.degrees.min() == 1
    assert net.degrees.max() == 7
    again = MaskedMLP(8, width=50, masks=3, shuffled=True)
    assert torch.equal(net.degrees, again.degrees)
    assert torch.equal(net.ranks, again.ranks)


@pytest.mark.parametrize("head", [CategoricalHead(7), BinaryHead()])
def test_heads_log_prob_is_the_distributions(head):
    parameters = torch.randn(4, 5, head.outputs, dtype=torch.float64)
    x = torch.randint(min(2, head.outputs + 1), (4, 5))
    expected = head(parameters).log_prob(x.double())
    torch.testing.assert_close(head.log_prob(parameters, x.to(torch.uint8)), expected)


def test_gaussian_heads_at_zero():
    zero = torch.zeros(3, 2, dtype=torch.float64)
    x = torch.tensor([0.0, 1.0, -2.0], dtype=torch.float64)
    standard = torch.distributions.Normal(0, 1.001).log_prob(x)
    torch.testing.assert_close(GaussianHead().log_prob(zero, x), standard)
    mixture = GaussianMixtureHead(2)
    parts = [torch.distributions.Normal(m, 1.001).log_prob(x).exp() for m in (-1.0, 1.0)]
    found = mixture.double().log_prob(torch.zeros(3, 6, dtype=torch.float64), x)
    torch.testing.assert_close(found, (sum(parts) / 2).log())


def test_head_stays_precise_in_bfloat16():
    parameters = torch.randn(64, 256, dtype=torch.bfloat16)
    x = torch.arange(64, dtype=torch.uint8) + 192
    found = CategoricalHead(256).log_prob(parameters, x)
    exact = torch.log_softmax(parameters.double(), -1)[torch.arange(64), x.long()]
    torch.testing.assert_close(found.double(), exact, rtol=1e-5, atol=1e-5)


def test_the_space_names_its_head():
    assert isinstance(head_for(Pixels(1, 2, 2, 2)), BinaryHead)
    assert head_for(Pixels(3, 2, 2)).outputs == 256
    assert head_for(Tokens(2, 60)).outputs == 60
    assert isinstance(head_for(Reals((2,))), GaussianHead)
    with pytest.raises(ValueError, match=r"GaussianHead .* take CategoricalHead"):
        MADE(Pixels(1, 2, 2, 5), GaussianHead())
    with pytest.raises(ValueError, match="least must be a positive number, not 0"):
        GaussianHead(0)


def test_completes_what_comes_after_in_its_order():
    torch.manual_seed(0)
    model = MADE(Pixels(1, 3, 3, 5), width=24).double()
    x = torch.randint(5, (200, 1, 3, 3)).to(torch.uint8)
    known = torch.arange(9).view(3, 3) < 5
    done = model.complete(x, known)
    assert torch.equal(done[:, :, known], x[:, :, known])
    assert (done[:, :, ~known] != x[:, :, ~known]).any((0, 1)).all()
    with pytest.raises(ValueError, match="after every unknown one in the order of the masks"):
        model.complete(x, ~known)
    known[2, 2] = True
    with pytest.warns(UserWarning, match="200 of 1200 known values come after unknown ones"):
        assert torch.equal(model.complete(x, known)[..., 2, 2], x[..., 2, 2])
    with pytest.raises(ValueError, match=r"broadcast to x's shape \(200, 1, 3, 3\), not \(2,\)"):
        model.complete(x, torch.tensor([True, False]))


def test_of_several_orders_the_one_that_foresees_most_completes():
    torch.manual_seed(0)
    model = MADE(Tokens(6, 3), width=24, masks=9, shuffled=True)
    order = model.net.order(4)
    known = torch.zeros(6, dtype=torch.bool)
    known[order[:3]] = True
    x = torch.randint(3, (5, 6))
    torch.manual_seed(1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # in order 4 nothing known is unforeseen
        done = model.complete(x, known)
    torch.manual_seed(1)
    flat, run = torch.zeros(5, 6, dtype=torch.long), Unrolled(model.net, 5, which=4)
    for i, d in enumerate(order):
        value = model.head.draw(run.parameters(i))
        flat[:, d] = x[:, d] if i < 3 else value
        run.know(i, model.head.encode(flat[:, d]))
    assert torch.equal(done, flat)


def test_draws_follow_the_conditional():
    """Completed pictures against the exact conditional, by enumeration of the unknown pixels."""
    torch.manual_seed(0)
    model = MADE(Pixels(1, 1, 4, 2), width=32).double()
    for p in model.parameters():
        p.data.mul_(3)
    everything = torch.cartesian_prod(*[torch.arange(2)] * 4).to(torch.uint8).view(16, 1, 1, 4)
    prefix = torch.tensor([1, 0], dtype=torch.uint8)
    agree = (everything[:, 0, 0, :2] == prefix).all(1)
    wanted = model.log_prob(everything[agree]).softmax(0)
    x = torch.zeros(20_000, 1, 1, 4, dtype=torch.uint8)
    x[..., :2] = prefix
    done = model.complete(x, torch.tensor([True, True, False, False]))[:, 0, 0, 2:]
    found = (done[:, 0] * 2 + done[:, 1]).long().bincount(minlength=4) / 20_000
    torch.testing.assert_close(found.double(), wanted, rtol=0, atol=0.012)  # 3.4 standard errors
