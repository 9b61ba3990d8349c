import pytest
import torch
from torch.nn import functional as F

import pushforward as pf
from pushforward.core.given import spaces_of
from pushforward.models.autoregressive.pixelsnail import PixelSNAIL
from pushforward.models.autoregressive.raster import receptive_field
from pushforward.models.discrete.code_pyramid import CodeMap, CodePyramid, ToldCodes
from pushforward.nn.snail import GatedResidual, PastAttention
from pushforward.probability.quantisation import VectorQuantiser

SPACES = [
    (pf.Pixels(1, 4, 3, 2), {"width": 8}),
    (pf.Pixels(3, 3, 4, 5), {"width": 12, "classes": 3, "embedding": 3}),
    (pf.Tokens((3, 4), 6), {"width": 8, "classes": 3, "context": 2, "kernel": 5}),
    (pf.Tokens((3, 2), 4), {"width": 8, "context": (3,)}),
]
ALL = pytest.mark.parametrize(("space", "options"), SPACES, ids=str)


def lively(space, **options):
    """Weights large enough that every dependence shows."""
    torch.manual_seed(0)
    model = PixelSNAIL(space, blocks=2, layers=1, keys=4, **options)
    for p in model.parameters():
        p.data.mul_(2)
    return model.double().eval()


def told(model, n=4):
    """Labels in turn, and noise for maps and vectors."""
    given = spaces_of(model.given)
    return [
        torch.arange(n) % s.classes if isinstance(s, pf.Labels) else torch.randn(n, *s.shape)
        for s in given
    ]


@ALL
@torch.no_grad()
def test_cached_sampling_equals_naive(space, options):
    model = lively(space, **options)
    c = told(model)
    torch.manual_seed(1)
    cached = model.sample(4, *c)
    torch.manual_seed(1)
    assert torch.equal(cached, model.sample_naively(4, *c))
    rows, run = model.conditionals(cached, *c), model.run(4, *c)
    for i, values in enumerate(model.flatten(cached).T):
        torch.testing.assert_close(run.parameters(i), rows[:, i], rtol=1e-9, atol=1e-9)
        run.know(i, values)


@ALL
@torch.no_grad()
def test_row_i_sees_all_that_is_before_and_nothing_else(space, options):
    model = lively(space, **options)
    c = told(model)
    levels = space.levels if isinstance(space, pf.Pixels) else space.vocabulary
    s = torch.randint(levels, (4, space.dims))
    base = model.conditionals(model.unflatten(s), *c)
    for i in range(space.dims):
        other = s.clone()
        other[:, i] = (other[:, i] + 1) % levels
        moved = (model.conditionals(model.unflatten(other), *c) - base).abs().amax((0, 2)) > 0
        assert moved.tolist() == [False] * (i + 1) + [True] * (space.dims - i - 1)


def test_one_block_sees_everything_before_by_its_gradient():
    torch.manual_seed(0)
    model = PixelSNAIL(pf.Pixels(2, 9, 9, 4), 8, blocks=1, layers=1, keys=4).double()
    seen = receptive_field(model, 6, 3, channel=1) > 0
    before = torch.arange(81).view(9, 9) < 6 * 9 + 3
    assert torch.equal(seen[1], before)
    before[6, 3] = True  # the channel before, at the pixel itself
    assert torch.equal(seen[0], before)


def test_sums_to_one_for_every_label():
    model = lively(pf.Pixels(2, 2, 2, 2), width=8, classes=2)
    x = torch.cartesian_prod(*[torch.arange(2, dtype=torch.uint8)] * 8).view(-1, 2, 2, 2)
    sums = [model.log_prob(x, torch.full((256,), label)).exp() for label in (0, 1)]
    assert [s.sum().item() for s in sums] == pytest.approx([1, 1], abs=1e-12)
    assert not torch.allclose(*sums)


@torch.no_grad()
def test_attention_is_a_softmax_over_pixels_before_and_a_zero():
    torch.manual_seed(0)
    block = PastAttention(3, 6, keys=2, groups=3).double()
    h, seen = torch.randn(2, 6, 2, 3).double(), torch.randn(2, 3, 2, 3).double()
    rows = (torch.arange(2).double() / 2 - 0.5).view(2, 1).expand(2, 3)
    columns = (torch.arange(3).double() / 3 - 0.5).expand(2, 3)
    places = torch.stack([rows, columns]).expand(2, -1, -1, -1)
    known = block.remember(block.content(torch.cat([seen, h, places], 1))).flatten(2)
    asked = torch.cat([torch.cat([h[:, 2 * g : 2 * g + 2], places], 1) for g in range(3)], 1)
    queries = block.ask(block.question(asked)).flatten(2)
    found = torch.zeros(2, 6, 6).double()
    for g in range(3):
        for i in range(6):
            q = queries[:, 2 * g : 2 * g + 2, i]
            sizes = [(q * known[:, :2, j]).sum(1).div(2**0.5).exp() for j in range(i)]
            for j in range(i):
                share = sizes[j] / (1 + sum(sizes))
                found[:, 2 * g : 2 * g + 2, i] += share[:, None] * known[:, 2:, j]
    expected = block.merge(h, more=found.view(2, 6, 2, 3))
    torch.testing.assert_close(block(h, seen), expected, rtol=1e-12, atol=1e-12)


@torch.no_grad()
def test_a_residual_is_gated_group_by_group():
    torch.manual_seed(0)
    block = GatedResidual(4, groups=2, context=3, more=2).double()
    h, more, c = (torch.randn(5, k, 1, 1).double() for k in (4, 2, 3))
    look, join, widen = (m.weight()[:, :, 0, 0] for m in (block.look, block.join, block.widen))
    first, second, third = (t[:, :, 0, 0] for t in (h, more, c))
    inner = F.elu(first) @ look.T + block.look.bias() + F.elu(second) @ join.T + block.join.bias()
    out = F.elu(inner) @ widen.T + block.widen.bias() + third @ block.told.weight[:, :, 0, 0].T
    a, b = out[:, [0, 1, 4, 5]], out[:, [2, 3, 6, 7]]
    expected = first + a * b.sigmoid()
    torch.testing.assert_close(block(h, c[:, :, 0, 0], more)[:, :, 0, 0], expected)
    assert widen[:4, 2:].abs().max() == 0


def test_dropout_is_of_training_alone():
    torch.manual_seed(0)
    model = PixelSNAIL(pf.Pixels(1, 3, 3, 4), 8, 1, 1, dropout=0.5)
    x = torch.randint(4, (2, 1, 3, 3), dtype=torch.uint8)
    assert not torch.equal(model.train().log_prob(x), model.log_prob(x))
    assert torch.equal(model.eval().log_prob(x), model.log_prob(x))


def test_it_is_a_prior_of_one_grid_of_codes():
    torch.manual_seed(0)
    codec = pf.VQVAE(pf.Pixels(1, 4, 4, 2), VectorQuantiser(8, 4), width=8, halvings=1, blocks=1)
    prior = PixelSNAIL(pf.Tokens(codec.grid, 8), 8, 1, 1, classes=3)
    model, y = pf.TwoStage(codec, prior), torch.arange(5) % 3
    x = model.space.check(model.sample(5, y))
    codes = codec.encode(x)
    expected = prior.log_prob(codes.view(5, 2, 2), y) + codec.log_prob_given(x, codes)
    torch.testing.assert_close(model.elbo(x, y), expected)


def test_it_is_a_prior_of_grids_below_grids():
    torch.manual_seed(0)
    books = VectorQuantiser(8, 4), VectorQuantiser(8, 4)
    codec = pf.VQVAE2(pf.Pixels(1, 8, 8, 2), books, width=8, halvings=(1, 1), blocks=1)
    fine, top = codec.tokens
    below = ToldCodes(PixelSNAIL(fine, 8, 1, 1, context=4), CodeMap(top, 4, (4, 4), 8, 1))
    model = CodePyramid(codec, (below, PixelSNAIL(top, 8, 1, 1)))
    x = model.space.check(model.sample(3))
    codes = model.encode(x)
    costs = below.log_prob(*codes) + model.priors[1].log_prob(codes[1])
    torch.testing.assert_close(model.elbo(x), costs + codec.log_prob_given(x, codes))


@pytest.mark.parametrize(
    ("space", "options", "message"),
    [
        (pf.Tokens(3, 4), {}, "PixelSNAIL models Pixels or grids of Tokens, not Tokens"),
        (pf.Reals((3,)), {}, "PixelSNAIL models Pixels or grids of Tokens, not Reals"),
        (pf.Pixels(3, 4, 4), {"width": 16}, "multiple of the 3 channels, not 16"),
        (pf.Pixels(1, 4, 4), {"kernel": 2}, "kernel must be an odd number, not 2"),
        (pf.Pixels(1, 4, 4), {"first": 4}, "first must be an odd number, not 4"),
        (pf.Pixels(1, 4, 4), {"blocks": 0}, "blocks must be"),
        (pf.Pixels(1, 4, 4), {"layers": 0}, "layers must be"),
        (pf.Pixels(1, 4, 4), {"keys": 0}, "keys must be"),
        (pf.Pixels(1, 4, 4), {"width": 0}, "width must be"),
        (pf.Pixels(1, 4, 4), {"context": -1}, "context must be"),
        (pf.Pixels(1, 4, 4), {"dropout": 1.5}, "dropout must be a probability"),
    ],
    ids=str,
)
def test_bad_settings(space, options, message):
    with pytest.raises(ValueError, match=message):
        PixelSNAIL(space, **options)
