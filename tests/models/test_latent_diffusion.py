from __future__ import annotations

import pytest
import torch
from torch.distributions import Independent, Normal

from pushforward.core.spaces import Pixels, Reals
from pushforward.data import find
from pushforward.models.score.ddpm import DDPM
from pushforward.models.score.diffusion import spread
from pushforward.models.score.latent_diffusion import (
    GridCodec,
    LatentDiffusion,
    Scale,
    latent_diffusion,
)
from pushforward.nn.denoiser import TimeMLP
from pushforward.nn.unet import UNet
from pushforward.probability.decoders import Each
from pushforward.probability.logistic_mixture_decoder import LogisticMixtureHead
from pushforward.solvers.samplers import DDIM, Ancestral, UniPC
from pushforward.solvers.spacing import LogSNR
from pushforward.training.loop import Training
from pushforward.training.recipe import Adam, Recipe


def test_scale_is_the_root_mean_square_of_all_codes():
    torch.manual_seed(0)
    scale, z = Scale(), 3 * torch.randn(6, 10, 2)
    for part in z:
        terms = scale.update(part)
    assert scale.std.item() == pytest.approx(z.square().mean().sqrt().item(), rel=1e-5)
    assert terms["std"].item() == pytest.approx(scale.std.item())


def test_stages_move_the_codec_then_the_diffusion_of_scaled_codes():
    torch.manual_seed(0)
    model, data = latent_diffusion(), find("bars")
    training = Training(model, data, Recipe(60, 32, Adam(3e-3), report_every=30, validate_every=0))
    reports = iter(training)
    next(reports)
    codec = [p.clone() for p in model.codec.parameters()]
    assert model.scale.batches == 0
    next(reports)
    assert all(torch.equal(a, b) for a, b in zip(codec, model.codec.parameters()))
    assert model.scale.batches == 30
    codes = model.codec.encode(data.train.at(slice(0, 500))[0]).sample()
    assert (codes / model.scale.std).square().mean().item() == pytest.approx(1, abs=0.15)


def test_codec_speaks_images_of_any_size():
    space = Pixels(3, 9, 6, levels=5)
    codec = GridCodec(space, features=2, width=4, halvings=2)
    assert codec.latent == Reals((2, 3, 2))
    x = torch.randint(0, 5, (4, 3, 9, 6), dtype=torch.uint8)
    assert codec.encode(x).sample().shape == (4, 2, 3, 2)
    space.check(codec.sample(2))
    assert codec.elbo(x, samples=2).shape == (4,)


def test_codec_describes_whole_pixels():
    space = Pixels(3, 4, 4, levels=5)
    codec = GridCodec(space, features=2, width=4, halvings=1, head=LogisticMixtureHead(2))
    x = torch.randint(0, 5, (4, 3, 4, 4), dtype=torch.uint8)
    assert codec.elbo(x).shape == (4,)
    space.check(codec.sample(2))


class Patches(GridCodec):
    """2x2 patches as four features of deviation 3, a pixel being white where its is above 0."""

    def encode(self, x):
        signed = 3 * (2 * torch.nn.functional.pixel_unshuffle(x.float(), 2) - 1)
        return Independent(Normal(signed, 0.01), 3)

    def decode(self, z):
        grid = torch.nn.functional.pixel_shuffle(z, 2)[..., None]
        return Each(self.head, grid, self.space)


class Halves(DDPM):
    """Codes of class y: the first two features at -1 or 1, the others at 1 or -1, deviation 0.1."""

    def _output(self, x, t, *conditions):
        alpha, sigma = (spread(v, x) for v in self.at(t))
        side = 2.0 * conditions[0] - 1
        mean = side[:, None, None, None] * torch.tensor([1, 1, -1, -1])[:, None, None]
        x0 = mean + alpha * 0.01 / (alpha**2 * 0.01 + sigma**2) * (x - alpha * mean)
        return (x - alpha * x0) / sigma, None


@pytest.mark.parametrize(
    "sampler", [Ancestral(), DDIM(50, spacing=LogSNR()), UniPC(20, spacing=LogSNR())]
)
def test_samples_are_the_images_of_what_the_diffusion_draws(sampler):
    """With a codec and a diffusion that are known, after a stage that learns the codes' scale."""
    torch.manual_seed(0)
    codec = Patches(Pixels(1, 4, 4, levels=2), features=4, width=4, halvings=1)
    net = UNet(4, width=4, multipliers=(1,), blocks=1, classes=2)
    model = LatentDiffusion(codec, Halves(codec.latent, net, 100, sampler=sampler))
    y = torch.arange(200) % 2
    rows = torch.tensor([1, 0, 1, 0])[:, None].expand(4, 4)  # what class 1 looks like
    x = torch.where(y[:, None, None, None] == 1, rows, 1 - rows).to(torch.uint8)
    _, stage = model.stages()
    codes = stage.view(x, y)
    for player in stage.players:
        (player.update or player.loss)(*codes)
    assert model.scale.std.item() == pytest.approx(3, abs=0.05)
    assert torch.equal(model.sample(200, y), x)
    assert torch.equal(model.push(model.latents(200), y), x)
    code = model.diffusion.sample(2000, torch.ones(2000, dtype=torch.long))
    assert code[:, 0].mean().item() == pytest.approx(1, abs=0.02)
    assert code[:, 0].std().item() == pytest.approx(0.1, rel=0.15)


def test_parts_must_fit():
    codec = GridCodec(Pixels(1, 8, 8), features=2, width=4)
    with pytest.raises(ValueError, match="not over"):
        LatentDiffusion(codec, DDPM(Reals((2,)), TimeMLP(2)))
    with pytest.raises(ValueError, match="share"):
        LatentDiffusion(codec, DDPM(codec.latent, UNet(2, width=4)), share=1.0)


def test_the_diffusion_learns_codes_of_unit_deviation(monkeypatch):
    model, seen = latent_diffusion(), []
    monkeypatch.setattr(model.diffusion, "loss", lambda z: seen.append(z) or {})
    z = 3 * torch.randn(2000, *model.codec.latent.shape)
    model.scale.update(z)
    model._diffusion_loss(z)
    assert seen[0].square().mean().item() == pytest.approx(1, abs=1e-5)
    assert model.scale.std.item() == pytest.approx(3, rel=0.05)


class Floats(GridCodec):
    """Its pixels are floats."""

    def decode(self, z):
        """Normal, where integers are wanted."""
        return Independent(Normal(z.new_zeros(len(z), *self.space.shape), 1.0), 3)


def test_a_codec_of_the_users_is_told_what_it_lacks():
    def built(codec):
        net = UNet(2, width=8, multipliers=(1,), blocks=1, attention=0)
        latent = DDPM(Reals((2, 2, 2)), net, steps=5, sampler=DDIM(2))
        return LatentDiffusion(codec, latent)

    with pytest.raises(ValueError, match="but UNet has no space, latent, encode, decode, loss"):
        built(UNet(2, width=8, multipliers=(1,), blocks=1))
    space = Pixels(1, 4, 4, levels=2)
    with pytest.raises(ValueError, match="what the codec decodes is not of its space"):
        built(Floats(space, features=2, width=4, halvings=1)).sample(2)
    codec = GridCodec(space, features=2, width=4, halvings=1)
    model = built(codec)
    codec.encode = lambda x: Independent(Normal(torch.zeros(len(x), 3), 1.0), 1)
    with pytest.raises(ValueError, match=r"codes are \(2, 2, 2\), but encodes to \(3,\)"):
        model._codes(torch.zeros(3, 1, 4, 4, dtype=torch.uint8))


def test_completion_draws_the_cells_that_are_not_known():
    """Of a known codec and diffusion: what is drawn is of the class, whatever is seen."""
    torch.manual_seed(0)
    codec = Patches(Pixels(1, 4, 4, levels=2), features=4, width=4, halvings=1)
    net = UNet(4, width=4, multipliers=(1,), blocks=1, classes=2)
    model = LatentDiffusion(codec, Halves(codec.latent, net, 100, sampler=DDIM(20, eta=1.0)))
    model.scale.update(3 * torch.ones(1, 4, 2, 2))
    y, known = torch.arange(6) % 2, torch.zeros(4, 4, dtype=torch.bool)
    known[:2] = True
    x = torch.randint(2, (6, 1, 4, 4), dtype=torch.uint8)
    drawn = model.complete(x, known, y, repeats=2)
    rows = torch.tensor([1, 0])[:, None].expand(2, 4)
    lower = torch.where(y[:, None, None, None] == 1, rows, 1 - rows)
    assert torch.equal(drawn[:, :, :2], x[:, :, :2])
    assert torch.equal(drawn[:, :, 2:], lower.to(torch.uint8))
    known[:] = torch.eye(4) > 0
    with pytest.raises(ValueError, match="one cell of the grid of codes, about 2x2 pixels"):
        model.complete(x, known, y)


def test_cells_are_known_where_all_of_their_pixels_are():
    model = latent_diffusion()
    known = torch.zeros(1, 1, 4, 4, dtype=torch.bool)
    known[..., :2, :3] = True
    assert model._cells(known)[0, 0].tolist() == [[True, False], [False, False]]
