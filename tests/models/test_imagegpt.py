import pytest
import torch

from pushforward.core.spaces import Pixels, Reals, Tokens
from pushforward.models.autoregressive.transformer import ImageGPT
from pushforward.nn.transformer import CausalTransformer


def small(space, classes=0, seed=0):
    """Weights large enough that every dependence shows."""
    torch.manual_seed(seed)
    model = ImageGPT(space, 16, 2, 2, classes).double().eval()
    for p in model.parameters():
        p.data.normal_(0, 0.3)
    return model


SPACES = [Tokens(6, 5), Pixels(3, 2, 3, 4), Pixels(1, 3, 3, 2)]


@pytest.mark.parametrize("space", SPACES, ids=str)
def test_row_i_sees_exactly_what_is_before(space):
    model = small(space)
    s = torch.zeros(1, space.dims, dtype=torch.long)
    kind = torch.uint8 if isinstance(space, Pixels) else torch.int64
    base = model.conditionals(model.unflatten(s.to(kind)))
    for i in range(space.dims):
        other = s.clone()
        other[0, i] = 1
        moved = (model.conditionals(model.unflatten(other.to(kind))) - base).abs().amax((0, 2))
        assert torch.equal(moved > 1e-12, torch.arange(space.dims) > i)


@pytest.mark.parametrize("classes", [0, 3])
@pytest.mark.parametrize("space", SPACES, ids=str)
def test_cached_sampling_equals_naive(space, classes):
    model, y = small(space, classes), torch.arange(7) % 3 if classes else None
    torch.manual_seed(1)
    cached = model.sample(7, y)
    torch.manual_seed(1)
    assert torch.equal(cached, model.sample_naively(7, y))
    rows = model.conditionals(cached, y)
    run = model.run(7, y)
    for i, values in enumerate(model.flatten(cached).T):
        torch.testing.assert_close(run.parameters(i), rows[:, i], rtol=0, atol=1e-12)
        run.know(i, values)


def test_sums_to_one_for_every_label():
    model = small(Tokens(4, 3), classes=2)
    x = torch.cartesian_prod(*[torch.arange(3)] * 4)
    for label in (0, 1):
        total = model.log_prob(x, torch.full((81,), label)).exp().sum()
        assert total.item() == pytest.approx(1, abs=1e-12)
    assert not torch.allclose(model.log_prob(x, x[:, 0] * 0), model.log_prob(x, x[:, 0] * 0 + 1))


def test_raster_order_has_channels_last():
    model, x = small(Pixels(3, 2, 2)), torch.arange(12, dtype=torch.uint8).view(1, 3, 2, 2)
    assert model.flatten(x)[0].tolist() == [0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11]
    assert torch.equal(model.unflatten(model.flatten(x)), x)


def test_completion_is_the_conditional():
    model = small(Tokens(4, 2))
    x = torch.tensor([[1, 0, 1, 0]]).repeat(8_000, 1)
    torch.manual_seed(0)
    drawn = model.complete(x, torch.tensor([True, True, False, False]))
    assert torch.equal(drawn[:, :2], x[:, :2])
    ends = torch.cartesian_prod(torch.arange(2), torch.arange(2))
    whole = torch.cat([x[:4, :2], ends], 1)
    expected = model.log_prob(whole).softmax(0)
    counts = (drawn[:, 2] * 2 + drawn[:, 3]).bincount(minlength=4) / len(x)
    torch.testing.assert_close(counts.double(), expected, rtol=0, atol=0.02)


def test_completion_says_what_it_is_conditioned_on():
    model, x = small(Tokens(4, 2)), torch.ones(3, 4, dtype=torch.long)
    with pytest.warns(UserWarning, match="3 of 6 known values come after unknown ones"):
        drawn = model.complete(x, torch.tensor([True, False, True, False]))
    assert (drawn[:, [0, 2]] == 1).all()
    with pytest.raises(ValueError, match="every known value comes after every unknown one"):
        model.complete(x, torch.tensor([False, False, True, True]))


def test_labels_are_checked():
    with pytest.raises(ValueError, match=r"values 0 .. 2, was given values 0 .. 3"):
        small(Tokens(3, 2), 3).sample(2, torch.tensor([0, 3]))
    with pytest.raises(ValueError, match="and got none"):
        small(Tokens(3, 2), 3).sample(2)
    with pytest.raises(ValueError, match="is told nothing"):
        small(Tokens(3, 2)).sample(2, torch.zeros(2).long())
    with pytest.raises(ValueError, match="Pixels or Tokens"):
        ImageGPT(Reals((2,)))
    with pytest.raises(ValueError, match="width must be a multiple of heads: 10 is none of 4"):
        CausalTransformer(10, 1, 4)


def test_a_mask_limits_what_is_seen():
    torch.manual_seed(0)
    body = CausalTransformer(8, 2, 2).double()
    mask = torch.ones(5, 5).tril().bool()
    x = torch.randn(2, 5, 8).double()
    torch.testing.assert_close(body(x, mask), body(x), rtol=0, atol=1e-12)
    memories, near = body.remember(2, 5), mask & ~torch.ones(5, 5).tril(-2).bool()
    with torch.no_grad():
        steps = [body.step(x[:, i : i + 1], memories, near[i : i + 1, : i + 1]) for i in range(5)]
    torch.testing.assert_close(torch.cat(steps, 1), body(x, near), rtol=0, atol=1e-12)
