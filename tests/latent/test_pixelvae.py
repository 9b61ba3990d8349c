"""PixelVAE: the conditional PixelCNN against enumeration, the bound against quadrature."""

import pytest
import torch
from torch.distributions import Normal

import pushforward as pf
from pushforward.models.autoregressive.gated_pixelcnn import GatedPixelCNN
from pushforward.models.autoregressive.made import MADE
from pushforward.models.autoregressive.raster import receptive_field
from pushforward.models.latent.pixel_vae import pixel_vae
from pushforward.probability.autoregressive_decoder import AutoregressiveDecoder


def lively(model):
    torch.manual_seed(0)
    for p in model.parameters():
        p.data.mul_(3)
    return model.double().eval()


def every(space):
    top = torch.arange(space.levels, dtype=torch.uint8)
    return torch.cartesian_prod(*[top] * space.dims).view(-1, *space.shape)


@torch.no_grad()
@pytest.mark.parametrize(
    ("space", "options"),
    [(pf.Pixels(1, 5, 4, 2), {}), (pf.Pixels(3, 3, 4, 5), {"embedding": 3, "first": 3})],
    ids=str,
)
def test_cached_sampling_sees_its_own_part_of_the_map(space, options):
    torch.manual_seed(0)
    model = lively(GatedPixelCNN(space, 12, 2, context=3, **options))
    z = torch.randn(4, 3, *space.shape[1:], dtype=torch.float64)
    torch.manual_seed(1)
    cached = model.sample(4, z)
    torch.manual_seed(1)
    assert torch.equal(cached, model.sample_naively(4, z))
    rows, run = model.conditionals(cached, z), model.run(4, z)
    for i, values in enumerate(model.flatten(cached).T):
        torch.testing.assert_close(run.parameters(i), rows[:, i], rtol=1e-9, atol=1e-9)
        run.know(i, values)
    best = model.likeliest(4, z)
    greedy = model.head(model.conditionals(best, z)).mode
    assert torch.equal(model.flatten(best).long(), greedy.long())


def test_the_map_changes_what_it_stands_at_and_what_comes_after():
    torch.manual_seed(0)
    space = pf.Pixels(1, 4, 4, 2)
    model = lively(GatedPixelCNN(space, 8, 1, first=3, context=2))
    x, z = torch.randint(2, (2, *space.shape)).to(torch.uint8), torch.randn(2, 2, 4, 4).double()
    other = z.clone()
    other[:, :, 2, 1] += 1
    moved = (model.conditionals(x, other) - model.conditionals(x, z)).abs().amax((0, 2)) > 0
    assert not moved[:8].any()  # the rows above
    assert moved[9]
    assert receptive_field(model, 2, 2)[0, 3].abs().max() == 0


@pytest.mark.parametrize("channels", [1, 2])
def test_sums_to_one_for_every_z(channels):
    space = pf.Pixels(channels, 2, 2, 3 - (channels == 2))
    torch.manual_seed(0)
    decoder = lively(pixel_vae(space, 2, 8, 1, 3, 4)).decoder
    x = every(space)
    for z in torch.randn(3, 2).double():
        assert decoder(z).log_prob(x).exp().sum().item() == pytest.approx(1)
    z = torch.randn(1, 2).double().expand(20_000, 2)
    share = (decoder(z).sample().flatten(1) == x[5].flatten()).all(1).double().mean()
    assert share.item() == pytest.approx(decoder(z[0]).log_prob(x[5]).exp().item(), abs=0.015)


@torch.no_grad()
def test_the_bound_against_quadrature():
    space = pf.Pixels(1, 2, 2, 2)
    torch.manual_seed(0)
    model, x = pixel_vae(space, 1, 8, 1, 3, 4).double().eval(), every(space)
    lively(model.decoder)  # an encoder as lively would be far too sure
    grid = torch.linspace(-8, 8, 401, dtype=torch.float64)
    joint = model.decode(grid[:, None, None]).log_prob(x) + Normal(0.0, 1.0).log_prob(grid)[:, None]
    exact = joint.logsumexp(0) + (grid[1] - grid[0]).log()
    assert (model.elbo(x, samples=200) < exact + 0.05).all()
    assert (model.importance_weighted(x, k=1_000) - exact).abs().median() < 0.02


def test_shapes_of_what_is_drawn():
    model = pixel_vae(pf.Pixels(1, 5, 4, 17), 3, 8, 1, 3, 4)
    d = model.decode(torch.randn(2, 3, 3))
    assert d.batch_shape == (2, 3)
    assert d.sample((4,)).shape == (4, 2, 3, 1, 5, 4)
    model.space.check(model.push(torch.randn(3, 3)))
    model.space.check(model.sample(2))


def test_decoders_of_every_kind_agree_on_shapes():
    space = pf.Pixels(1, 2, 2, 2)
    made = AutoregressiveDecoder(MADE(space, width=8, masks=2, context=3))
    assert made(torch.randn(5, 3)).log_prob(every(space)[:5]).shape == (5,)
    assert made(torch.randn(3)).sample().shape == space.shape


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda s: GatedPixelCNN(s, 8, 1, context=-1), "context must be"),
        (lambda s: GatedPixelCNN(s, 8, 1, context=2).sample(2), "and got none"),
        (lambda s: GatedPixelCNN(s, 8, 1, context=2).sample(2, torch.zeros(2, 2, 4, 3)), "shape"),
        (lambda s: MADE(s, width=8).sample(2, torch.zeros(2, 3)), "is told nothing"),
        (lambda s: MADE(s, width=8, context=3).sample(2), r"told Reals\(shape=\(3,\)\)"),
        (lambda s: pixel_vae(pf.Reals((2,))), "Pixels"),
    ],
)
def test_bad_input(call, said):
    with pytest.raises(ValueError, match=said):
        call(pf.Pixels(1, 3, 4, 2))
