"""What models are built of where nobody says it: usual heads, networks, sizes that can be used."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
import torch

import pushforward as pf
from pushforward.core.blueprint import registered, registered_names
from pushforward.core.given import spaces_of
from pushforward.core.spaces import count
from pushforward.nn.mlp import ACTIVATIONS, MLP, EmbeddedMLP, FlatMLP
from pushforward.probability.decoders import Decoder
from pushforward.probability.discretized import DiscretizedLogisticHead, usual_head
from pushforward.probability.discretized_gaussian import (
    DiscretizedGaussian,
    DiscretizedGaussianHead,
)
from pushforward.probability.heads import CategoricalHead

RGB = pf.Pixels(3, 32, 32)
MOST = 50_000_000
APART = ("RecurrentLM", "WaveNet", "CoGAN")  # of sequences, and of two images in one


def of_images() -> list[str]:
    """All classes that are built for a space alone, and take images."""
    pf.core.catalogue.discover()
    found = []
    for name in registered_names():
        cls = registered(name)
        if issubclass(cls, pf.Generative) and not inspect.isabstract(cls):
            places = list(inspect.signature(cls.__init__).parameters.values())[1:]
            needed = [p.name for p in places if p.default is p.empty]
            if needed == ["space"] and name not in APART:
                found.append(name)
    return [*found, "VAE"]


@pytest.mark.parametrize("name", of_images())
def test_defaults_are_for_photographs_too(name: str) -> None:
    """They can be built for 3x32x32, learn a batch, and have less than 50 million parameters."""
    model = registered(name)(RGB)
    assert sum(p.numel() for p in model.parameters()) < MOST
    x = torch.randint(256, (2, *RGB.shape), dtype=torch.uint8)
    told = [torch.randint(256, (2, *RGB.shape), dtype=torch.uint8) for _ in spaces_of(model.given)]
    for player in model.stages()[0].players:
        terms = (player.loss or player.update)(x, *told)
        assert all(torch.isfinite(term).all() for term in terms.values())


def test_a_pixelvae_is_for_photographs_too() -> None:
    model = pf.pixel_vae(RGB)
    assert sum(p.numel() for p in model.parameters()) < MOST
    x = torch.randint(256, (2, *RGB.shape), dtype=torch.uint8)
    assert torch.isfinite(model.elbo(x)).all()


SPACES = [
    pf.Pixels(1, 28, 28),
    pf.Pixels(3, 20, 30),
    pf.Pixels(1, 8, 8, 2),
    pf.Reals((5,)),
    pf.Tokens(6, 9),
    pf.Tokens((3, 3), 4),
]


@pytest.mark.parametrize("space", SPACES, ids=str)
def test_a_vae_has_usual_parts(space, tmp_path) -> None:
    model = pf.VAE(space, latent=3)
    x = model.sample(4)
    space.check(x)
    assert model.elbo(x).shape == (4,)
    assert model.encode(x).event_shape == (3,)
    pf.save(model, tmp_path / "vae.safetensors")
    again = pf.load(tmp_path / "vae.safetensors")
    torch.manual_seed(0)
    first = model.eval().sample(4)
    torch.manual_seed(0)
    assert torch.equal(first, again.sample(4))


def test_a_usual_vae_may_be_told_a_class() -> None:
    model = pf.VAE(pf.Pixels(1, 8, 8, 17), latent=3, classes=10)
    assert model.given == pf.Labels(10)
    assert model.sample(2, torch.tensor([3, 7])).shape == (2, 1, 8, 8)
    with pytest.raises(ValueError, match="needs a decoder beside its encoder"):
        pf.VAE(model.encoder)


def test_usual_heads() -> None:
    assert type(usual_head(pf.Pixels(3, 2, 2))) is DiscretizedLogisticHead
    assert type(usual_head(pf.Pixels(3, 2, 2, 17))) is CategoricalHead
    assert type(usual_head(pf.Tokens(3, 1000))) is CategoricalHead


@pytest.mark.parametrize("scale", [0.01, 0.1, 1.0])
@pytest.mark.parametrize("levels", [2, 17, 256])
def test_a_gaussian_pixel_is_a_distribution(levels: int, scale: float) -> None:
    """By enumeration: it sums to 1, and its mean is that of its values."""
    loc = torch.linspace(-1.5, 1.5, 13, dtype=torch.float64)
    d = DiscretizedGaussian(loc, scale, levels)
    values = torch.arange(levels)[:, None]
    p = d.log_prob(values).exp()
    assert torch.allclose(p.sum(0), torch.ones_like(loc), atol=1e-12)
    assert torch.allclose(d.mean, (p * values).sum(0), atol=1e-9)
    torch.manual_seed(0)
    drawn = d.sample((20_000,)).double()
    spread = (p * (values - d.mean) ** 2).sum(0).sqrt()
    assert ((drawn.mean(0) - d.mean).abs() <= 5 * spread / 20_000**0.5 + 1e-9).all()


def test_a_gaussian_pixel_is_squared_error() -> None:
    """Differences of -log p are those of the squared error, where bins are narrow."""
    loc = torch.tensor([-0.3, 0.0, 0.21], dtype=torch.float64)
    d, x = DiscretizedGaussian(loc, 0.2), torch.tensor([[100], [140]])
    centre = x.double() * 2 / 255 - 1
    error = (centre - loc) ** 2 / (2 * 0.2**2)
    found = -d.log_prob(x)
    assert torch.allclose(found[0] - found[1], error[0] - error[1], atol=1e-3)
    with pytest.raises(ValueError, match="scale must be a positive number"):
        DiscretizedGaussianHead(256, 0.0)


def test_a_decoder_of_squared_error() -> None:
    space = pf.Pixels(1, 4, 4)
    decoder = Decoder(MLP(2, 16), space, DiscretizedGaussianHead())
    d = decoder(torch.zeros(3, 2))
    assert space.check(d.sample()).shape == (3, 1, 4, 4)
    assert d.mean.shape == d.mode.shape == (3, 1, 4, 4)


def decoders() -> dict[str, torch.distributions.Distribution]:
    z = torch.randn(3, 2)
    logistics = pf.LogisticMixtureDecoder(MLP(2, 10 * 10 * 4), pf.Pixels(3, 2, 2))
    of = {
        "bits": pf.Decoder(MLP(2, 4), pf.Pixels(1, 2, 2, 2)),
        "levels": pf.Decoder(MLP(2, 4 * 5), pf.Pixels(1, 2, 2, 5)),
        "logistic": pf.Decoder(MLP(2, 8), pf.Pixels(1, 2, 2)),
        "gaussian": pf.Decoder(MLP(2, 4), pf.Pixels(1, 2, 2), DiscretizedGaussianHead()),
        "reals": pf.Decoder(MLP(2, 8), pf.Reals((4,))),
        "tokens": pf.Decoder(MLP(2, 4 * 5), pf.Tokens(4, 5)),
        "mixtures": logistics,
        "chain": pf.AutoregressiveDecoder(pf.MADE(pf.Pixels(1, 2, 2, 2), context=2)),
    }
    return {name: decoder(z) for name, decoder in of.items()}


@pytest.mark.parametrize("name", decoders())
def test_decoders_tell_their_mean_or_why_not(name: str) -> None:
    torch.manual_seed(1)
    d = decoders()[name]
    if name in ("tokens", "mixtures", "chain"):
        with pytest.raises(NotImplementedError, match=r"take \.mode"):
            d.mean  # noqa: B018
        return
    drawn = d.sample((4_000,)).double()
    error = drawn.std(0) / 4_000**0.5
    assert ((drawn.mean(0) - d.mean).abs() <= 5 * error + 1e-6).all()
    if name in ("bits", "reals"):
        assert torch.allclose(d.variance.double(), drawn.var(0), rtol=0.2)
    else:
        with pytest.raises(NotImplementedError, match="no formula of its variance"):
            d.variance  # noqa: B018


def test_every_layer_may_have_a_width_of_its_own() -> None:
    net = MLP(3, 2, (8, 5, 7), context=4)
    sizes = [(m.in_features, m.out_features) for m in net.modules() if hasattr(m, "in_features")]
    assert sizes == [(7, 8), (8, 5), (5, 7), (7, 2)]
    again = pf.core.blueprint.decode(pf.core.blueprint.encode(net))
    assert again.blueprint["width"] == (8, 5, 7)
    assert FlatMLP(4, 2, [6]).net(torch.zeros(1, 4)).shape == (1, 2)
    assert EmbeddedMLP(5, 4, 2, (6, 3))(torch.zeros(1, 4, dtype=torch.int64)).shape == (1, 2)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations(name: str) -> None:
    net = MLP(1, 1, 1, 1, activation=name)
    x = torch.linspace(-2, 2, 9)[:, None]
    first, last = net.net[0][0], net.net[1]
    between = getattr(torch.nn.functional, name)
    assert torch.allclose(net(x), last(between(first(x))))


def test_an_unknown_activation_is_refused() -> None:
    with pytest.raises(ValueError, match=r"one of silu, relu, .*, not 'swish'"):
        MLP(1, 1, activation="swish")


@pytest.mark.parametrize("kind", [np.int32, np.int64, np.uint8])
def test_numbers_of_numpy_are_whole_numbers(kind, tmp_path) -> None:
    assert type(count("n", kind(3))) is int
    space = pf.Pixels(kind(1), kind(4), kind(4), kind(2))
    model = pf.MADE(space, width=kind(8))
    assert model.sample(kind(2)).shape == (2, 1, 4, 4)
    pf.save(model, tmp_path / "made.safetensors")
    assert pf.load(tmp_path / "made.safetensors").space == space
    recipe = pf.Recipe(kind(3), kind(2), seed=int(kind(1)))
    assert (recipe.steps, type(recipe.steps)) == (3, int)
    assert pf.Tokens(kind(5), kind(7)).shape == (5,)


def test_binarised_by_a_threshold() -> None:
    data = pf.data.digits(binarise="threshold")
    plain = pf.data.digits()
    assert data.space == pf.Pixels(1, 8, 8, 2)
    for part in ("train", "validation", "test"):
        grey, bits = (getattr(d, part).tensors[0] for d in (plain, data))
        assert torch.equal(bits, (grey > 8).to(torch.uint8))
    assert data.origin["binarisation"] == "threshold"
    assert pf.data.find("digits?binarise=threshold").describe() == data.describe()
