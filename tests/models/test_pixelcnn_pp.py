import copy

import pytest
import torch

import pushforward as pf
from pushforward.core.catalogue import examples
from pushforward.core.spaces import Pixels, Tokens
from pushforward.models.autoregressive.pixelcnn_pp import PixelCNNpp
from pushforward.nn.weight_norm import WeightNormConv

SPACES = [
    (Pixels(1, 4, 6, 5), {"halvings": 1}),
    (Pixels(3, 8, 4), {"halvings": 2, "classes": 3}),
    (Pixels(2, 3, 3, 9), {"halvings": 0, "layers": 2}),
]


def started(space, **options):
    """A small model after its first batch, with weights large enough to show every dependence."""
    torch.manual_seed(0)
    model = PixelCNNpp(space, 6, **{"layers": 1, "components": 2, "dropout": 0.0, **options})
    model = model.double().train()
    y = torch.arange(6) % 3 if "classes" in options else None
    model.log_prob(torch.randint(space.levels, (6, *space.shape)).to(torch.uint8), y)
    for p in model.parameters():
        p.data += 0.3 * torch.randn_like(p)
    return model.eval(), y


@torch.no_grad()
@pytest.mark.parametrize(("space", "options"), SPACES, ids=str)
def test_cached_sampling_equals_naive(space, options):
    model, y = started(space, **options)
    torch.manual_seed(1)
    cached = model.sample(6, y)
    torch.manual_seed(1)
    assert torch.equal(cached, model.sample_naively(6, y))


@pytest.mark.parametrize(("space", "options"), SPACES, ids=str)
def test_a_pixel_sees_every_pixel_before_it_and_no_other(space, options):
    model, y = started(space, **options)
    features = model.features(torch.randint(space.levels, (6, *space.shape)).to(torch.uint8))
    features.requires_grad_()
    s = model.near(features) + model.left(features)
    found = model.body(model.above(features), s, model.vector(y))[1]
    places = space.height * space.width
    for i in range(places):
        out = found[:, :, i // space.width, i % space.width].sum()
        gradient = torch.autograd.grad(out, features, retain_graph=True)[0]
        seen = gradient[:, :-1].abs().sum((0, 1)).flatten() > 0
        assert not seen[i:].any()
        assert seen[max(0, i - space.width) : i].all()


def test_sums_to_one():
    model, _ = started(Pixels(2, 2, 2, 3), halvings=1)
    x = torch.cartesian_prod(*[torch.arange(3, dtype=torch.uint8)] * 8).view(-1, 2, 2, 2)
    with torch.no_grad():
        assert model.log_prob(x).exp().sum().item() == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("grow", [False, True])
@pytest.mark.parametrize("unit", [1e-9, 1.0])
def test_first_batch_starts_the_weights(grow, unit):
    torch.manual_seed(0)
    conv = WeightNormConv(3, 8, (2, 2), grow=grow, scale=0.1)
    x, average = (torch.randn(20, 3, 5, 5) * 7 + 2) * unit, copy.deepcopy(conv)
    conv.eval()(x)
    assert not conv.started
    y = conv.train()(x)
    deviation, mean = torch.std_mean(y, (0, 2, 3), correction=0)
    torch.testing.assert_close(deviation, torch.full((8,), 0.1))
    torch.testing.assert_close(mean, torch.zeros(8), rtol=0, atol=1e-6)
    gain = conv.gain.clone()
    conv(x * 3)
    assert torch.equal(conv.gain, gain)
    average.load_state_dict(conv.state_dict())
    average.train()(x * 3)
    assert torch.equal(average.gain, gain)


def test_weights_are_normalised():
    torch.manual_seed(0)
    conv = WeightNormConv(3, 8, (2, 3))
    conv.gain.data.uniform_(1, 2)
    torch.testing.assert_close(conv.weight().flatten(1).norm(dim=1), conv.gain)


@torch.no_grad()
def test_inpainting_keeps_whole_pixels():
    model, _ = started(Pixels(3, 4, 4), halvings=1)
    x = torch.randint(256, (2, 3, 4, 4)).to(torch.uint8)
    known = torch.arange(16).view(4, 4) < 7
    done = model.complete(x, known)
    assert torch.equal(done[:, :, known], x[:, :, known])
    assert not torch.equal(done[:, :, ~known], x[:, :, ~known])
    with pytest.raises(ValueError, match="every known value comes after"):
        model.complete(x, ~known)
    with pytest.raises(ValueError, match="channels are drawn together"):
        model.complete(x, known & torch.tensor([True, False, True])[:, None, None])


def test_bad_settings():
    with pytest.raises(ValueError, match="2 halvings need sides that are multiples of 4"):
        PixelCNNpp(Pixels(1, 6, 8))
    with pytest.raises(ValueError, match="PixelCNNpp models Pixels, not Tokens"):
        PixelCNNpp(Tokens(3, 4))


def test_a_feature_that_is_the_same_everywhere_is_left_as_it_is():
    """Shifted to 0 it would be rounding, which the next layer would bring to its scale."""
    torch.manual_seed(0)
    first, second = WeightNormConv(3, 8).double(), WeightNormConv(8, 8, (2, 2), grow=True).double()
    x = torch.randn(1, 3, 1, 1).double().expand(20, 3, 1, 1)
    before = copy.deepcopy(first.state_dict())
    y = second.train()(first.train()(x))
    assert torch.equal(first.gain, before["gain"])
    assert torch.equal(first.bias, before["bias"])
    assert second.gain.max() < 1e3
    torch.testing.assert_close(y.std((0, 2, 3), correction=0), torch.ones(8).double())


def test_it_learns_the_same_in_double_precision():
    example = examples()["pixelcnn_pp"]
    found = []
    for kind in (torch.float32, torch.float64):
        torch.manual_seed(0)
        model = example.build().to(kind)
        recipe = pf.Recipe(6, 32, report_every=1, validate_every=0)
        found.append([r.loss for r in pf.Training(model, pf.data.find(example.data), recipe)])
    assert found[1] == pytest.approx(found[0], abs=1e-4)
