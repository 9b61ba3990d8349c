import pytest
import torch

from pushforward.core.spaces import Pixels, Tokens
from pushforward.models.autoregressive.gated_pixelcnn import GatedPixelCNN
from pushforward.models.autoregressive.pixelcnn import PixelCNN
from pushforward.models.autoregressive.raster import receptive_field
from pushforward.nn.masked_conv import MaskedConv, group_of

BOTH = pytest.mark.parametrize("kind", [PixelCNN, GatedPixelCNN])


def lively(model):
    """Weights large enough that every dependence shows."""
    for p in model.parameters():
        p.data.mul_(3)
    return model.double().eval()


@BOTH
@pytest.mark.parametrize("embedding", [0, 3])
def test_row_i_sees_only_what_is_before(kind, embedding):
    torch.manual_seed(0)
    model = lively(kind(Pixels(3, 3, 4, 5), 12, 2, embedding=embedding))
    s = torch.randint(5, (3, 36)).to(torch.uint8)
    base = model.conditionals(model.unflatten(s))
    for i in range(36):
        other = s.clone()
        other[:, i] = (other[:, i] + 1) % 5
        moved = (model.conditionals(model.unflatten(other)) - base).abs().amax((0, 2)) > 0
        assert not moved[: i + 1].any()
        assert moved.any() or i == 35


@BOTH
@torch.no_grad()
@pytest.mark.parametrize(
    ("space", "options"),
    [
        (Pixels(1, 5, 4, 2), {}),
        (Pixels(3, 4, 3, 5), {"classes": 3, "kernel": 5}),
        (Pixels(2, 3, 4, 9), {"embedding": 3, "first": 3}),
        (Pixels(3, 4, 3, 5), {"classes": 3, "kernel": 5, "residual": False}),
    ],
    ids=str,
)
def test_cached_sampling_equals_naive(kind, space, options):
    if kind is not PixelCNN and "residual" in options:
        pytest.skip("gated layers are of one kind")
    torch.manual_seed(0)
    model = lively(kind(space, 12, 2, **options))
    y = torch.arange(4) % 3 if "classes" in options else None
    torch.manual_seed(1)
    cached = model.sample(4, y)
    torch.manual_seed(1)
    assert torch.equal(cached, model.sample_naively(4, y))
    rows, run = model.conditionals(cached, y), model.run(4, y)
    for i, values in enumerate(model.flatten(cached).T):
        torch.testing.assert_close(run.parameters(i), rows[:, i], rtol=1e-9, atol=1e-9)
        run.know(i, values)


@BOTH
def test_sums_to_one_for_every_label(kind):
    torch.manual_seed(0)
    model = lively(kind(Pixels(2, 2, 2, 2), 8, 1, classes=2))
    x = torch.cartesian_prod(*[torch.arange(2, dtype=torch.uint8)] * 8).view(-1, 2, 2, 2)
    for label in (0, 1):
        total = model.log_prob(x, torch.full((256,), label)).exp().sum()
        assert total.item() == pytest.approx(1, abs=1e-12)


def seen_by_masks(layers, row, column, size=11):
    """The pixels that a stack of 3x3 masks sees, by walking: the oracle for the blind spot."""
    steps = [(-1, -1), (-1, 0), (-1, 1), (0, -1)]
    seen, front = set(), {(row, column)}
    for layer in range(layers):
        stay = [] if layer == 0 else [(0, 0)]
        front = {(r + a, c + b) for r, c in front for a, b in [*steps, *stay]}
        seen = front
    return {(r, c) for r, c in seen if 0 <= r < size and 0 <= c < size}


def field(model, row, column):
    torch.manual_seed(1)
    return {tuple(p) for p in receptive_field(model, row, column)[0].nonzero().tolist()}


def test_pixelcnn_has_the_blind_spot_and_gated_has_not():
    torch.manual_seed(0)
    space, layers = Pixels(1, 11, 11, 4), 9
    plain = PixelCNN(space, 16, layers - 1, first=3).double()
    assert field(plain, 8, 4) == seen_by_masks(layers, 8, 4)
    gated = GatedPixelCNN(space, 16, layers - 1, first=3).double()
    before = {(r, c) for r in range(11) for c in range(11) if (r, c) < (8, 4)}
    assert field(gated, 8, 4) == before
    blind = before - field(plain, 8, 4)
    assert (7, 6) in blind
    assert (7, 5) not in blind


def test_receptive_field_refuses_what_lies_outside():
    model = PixelCNN(Pixels(1, 3, 4, 2), 4, 1)
    with pytest.raises(ValueError, match=r"column must be in 0 .. 3, not 4"):
        receptive_field(model, 0, 4)


@BOTH
def test_inpainting_keeps_what_is_known(kind):
    torch.manual_seed(0)
    model = kind(Pixels(3, 4, 4), 12, 1)
    x = torch.randint(256, (2, 3, 4, 4)).to(torch.uint8)
    known = torch.zeros(4, 4, dtype=torch.bool)
    known[:2] = True
    done = model.complete(x, known)
    assert torch.equal(done[:, :, :2], x[:, :, :2])
    assert not torch.equal(done[:, :, 2:], x[:, :, 2:])
    known[2:] = torch.tensor([[0, 1, 1, 1], [1, 0, 1, 0]], dtype=torch.bool)
    with pytest.warns(UserWarning, match="30 of 78 known values come after"):
        done = model.complete(x, known)
    assert torch.equal(done[:, :, known], x[:, :, known])


def test_masks_of_colours():
    conv = MaskedConv(3, 6, 1, 1, groups=3, strict=True)
    assert conv.mask[:, :, 1, 1].int().tolist() == [
        [0, 0, 0],
        [0, 0, 0],
        [1, 0, 0],
        [1, 0, 0],
        [1, 1, 0],
        [1, 1, 0],
    ]
    assert conv.mask[:, :, 0].all()
    assert conv.mask[:, :, 1, 0].all()
    assert not conv.mask[:, :, 1, 2].any()
    with pytest.raises(ValueError, match="4 features do not share among 3 groups"):
        group_of(4, 3)


def test_bad_settings():
    with pytest.raises(ValueError, match="PixelCNN models Pixels or grids of Tokens, not Tokens"):
        PixelCNN(Tokens(3, 4))
    with pytest.raises(ValueError, match="kernel must be an odd number, not 4"):
        PixelCNN(Pixels(1, 4, 4), kernel=4)
    with pytest.raises(ValueError, match="width must be a multiple of 6, not 16"):
        PixelCNN(Pixels(3, 4, 4), width=16)
    with pytest.raises(ValueError, match="multiple of the 3 channels, not 16"):
        GatedPixelCNN(Pixels(3, 4, 4), width=16)
