from __future__ import annotations

import pytest
import torch

from pushforward.core.spaces import Pixels, Reals
from pushforward.data import find
from pushforward.models.score.ddpm import DDPM
from pushforward.models.score.latent_diffusion import (
    GridCodec,
    LatentDiffusion,
    Scale,
    latent_diffusion,
)
from pushforward.nn.denoiser import TimeMLP
from pushforward.nn.unet import UNet
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


def test_parts_must_fit():
    codec = GridCodec(Pixels(1, 8, 8), features=2, width=4)
    with pytest.raises(ValueError, match="not over"):
        LatentDiffusion(codec, DDPM(Reals((2,)), TimeMLP(2)))
    with pytest.raises(ValueError, match="share"):
        LatentDiffusion(codec, DDPM(codec.latent, UNet(2, width=4)), share=1.0)
