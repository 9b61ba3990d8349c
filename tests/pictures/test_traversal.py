from __future__ import annotations

import io

import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.distributions import Distribution, Independent, Normal, kl_divergence

from pushforward.core import checkpoint
from pushforward.core.contract import Latent, Pushforward
from pushforward.core.spaces import Pixels
from pushforward.data import bars
from pushforward.models.latent.vae import VAE, dense
from pushforward.pictures import traversal as strip_picture
from pushforward.pictures import traversal_film as film_picture
from pushforward.pictures.gallery import drawings
from pushforward.pictures.shown import encoded
from pushforward.pictures.traversal import film_strip
from pushforward.pictures.traversal_film import there_and_back
from pushforward.pictures.traversals import traversal

SPACE = Pixels(1, 1, 3)
SCALES = torch.tensor([1.0, 0.1, 0.5])


class Sliders(Latent, Pushforward):
    """A pixel for each latent."""

    def __init__(self) -> None:
        super().__init__(SPACE)

    def latents(self, n: int) -> Tensor:
        return torch.randn(n, 3)

    def push(self, z: Tensor) -> Tensor:
        return (z * 40 + 128).round().clamp(0, 255).to(torch.uint8)[:, None, None]

    def sample(self, n: int) -> Tensor:
        return self.push(self.latents(n))

    def encode(self, x: Tensor) -> Distribution:
        mean = (x[:, 0, 0].float() - 128) / 40 * (1 - SCALES**2)
        return Independent(Normal(mean, SCALES.expand_as(mean)), 1)

    def decode(self, z: Tensor) -> Distribution:
        raise NotImplementedError


class Blind(Pushforward):
    """The same without an encoder."""

    latents, push, sample = Sliders.latents, Sliders.push, Sliders.sample

    def __init__(self) -> None:
        super().__init__(SPACE)


def test_the_latents_that_say_most_come_first() -> None:
    x = Sliders().sample(500)
    walked = traversal(Sliders(), x, steps=5)
    assert walked.dimensions == (1, 2, 0)
    kl = kl_divergence(Sliders().encode(x).base_dist, Normal(0.0, 1.0)).mean(0)
    torch.testing.assert_close(torch.tensor(walked.nats), kl[[1, 2, 0]])
    assert walked.labels()[0] == f"z1 {kl[1]:.2f} nats"


def test_one_latent_moves_and_the_others_stay() -> None:
    x = Sliders().sample(100)
    walked = traversal(Sliders(), x, rows=2, steps=7, reach=2.0)
    assert walked.x.shape == (2, 7, 1, 1, 3)
    start = Sliders().push(Sliders().encode(x[:1]).mean)[0, 0, 0]
    for row, moving in zip(walked.x[:, :, 0, 0].long(), walked.dimensions):
        still = [d for d in range(3) if d != moving]
        assert (row[:, still] == start[still]).all()
        assert (row[:, moving].diff() > 0).all()
        reached = (row[-1, moving] - row[0, moving]).item()
        assert reached == pytest.approx(2 * 2.0 * 40, rel=0.1), "two deviations of the prior"


def test_without_an_encoder_the_order_is_natural_and_the_seed_decides() -> None:
    walked = traversal(Blind(), steps=3)
    assert walked.dimensions == (0, 1, 2)
    assert walked.nats == ()
    assert walked.labels() == ["z0", "z1", "z2"]
    state = torch.get_rng_state()
    again = traversal(Blind(), steps=3)
    assert torch.equal(walked.x, again.x)
    assert torch.equal(torch.get_rng_state(), state)
    assert not torch.equal(traversal(Blind(), steps=3, seed=1).x, again.x)


def test_film_and_strip() -> None:
    walked = traversal(Sliders(), Sliders().sample(10), steps=6)
    strip = film_strip(walked, SPACE)
    assert [axis.get_ylabel() for axis in strip.axes] == walked.labels()
    with Image.open(io.BytesIO(encoded(strip))) as image:
        assert image.format == "PNG"
    with Image.open(io.BytesIO(there_and_back(walked, SPACE).gif())) as image:
        assert image.format == "GIF"
        assert image.n_frames == 10, "there and back, without the ends twice"


def test_pictures_of_a_checkpoint(tmp_path) -> None:
    torch.manual_seed(0)
    model = VAE(*dense(Pixels(1, 4, 4, levels=2), latent=3, width=8))
    path = str(checkpoint.save(model, tmp_path / "a.safetensors", record={"data": bars().origin}))
    assert {"traversal", "traversal-film"} <= drawings().keys()
    assert len(strip_picture.draw(path, rows=2, steps=3).axes) == 2
    assert film_picture.draw(path, steps=3).gif()[:4] == b"GIF8"


def test_what_cannot_be_drawn(tmp_path) -> None:
    with pytest.raises(ValueError, match="Linear has no latents to walk along"):
        traversal(torch.nn.Linear(1, 1))
    from pushforward.models.latent.ppca import PPCA

    path = str(checkpoint.save(PPCA(2, 1), tmp_path / "p.safetensors"))
    with pytest.raises(ValueError, match="was trained on no data"):
        strip_picture.draw(path)
    with pytest.raises(ValueError, match="steps must be a whole number of at least 2, not 1"):
        traversal(Blind(), steps=1)
