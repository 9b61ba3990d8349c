"""What adversarial models are given by mistake: words in Python and on the command line."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
import torch
from scipy import stats
from torch import nn

import pushforward as pf
from pushforward.cli import main
from pushforward.models.adversarial.conditional_gan import conditional_gan_vectors
from pushforward.nn.mlp import MLP
from pushforward.nn.packed import Packed
from pushforward.objectives.penalties import DRAGAN, R1, R2, GradientPenalty, ZeroCentred
from pushforward.probability.truncated_normal import truncated_normal

PLANE, IMAGES = pf.Reals((2,)), pf.Pixels(1, 8, 8, levels=17)
PLAIN = ["GAN", "WGAN", "WGANGP", "LSGAN", "FGAN", "SNGAN", "UnrolledGAN", "InfoGAN"]


def trained(model, steps=1):
    """A step of the game, on data of its space."""
    wanted = model.space.shape
    x = torch.randn(40, *wanted) if isinstance(model.space, pf.Reals) else None
    images = torch.randint(0, 2, (40, *wanted), dtype=torch.uint8)
    data = pf.data.tensors(images if x is None else x, space=model.space)
    return pf.fit(model, data, pf.Recipe(steps, 8), quiet=True)


@pytest.mark.parametrize("game", PLAIN)
@pytest.mark.parametrize(
    ("network", "sizes", "said"),
    [
        ("generator", (5, 2), r"the generator of this \w+, a Linear, cannot take \(8, "),
        ("generator", (0, 3), r"the generator must make \(batch, 2\)"),
        ("critic", (3, 1), r"the critic of this \w+, a \w+, cannot take \(8, 2\)"),
        ("critic", (2, 2), r"the critic must give one score for each datum"),
    ],
)
def test_networks_of_other_sizes_are_told_by_name(game, network, sizes, said):
    noise = 74 if game == "InfoGAN" else 128
    net = nn.Linear(sizes[0] or noise, sizes[1])
    with pytest.raises(ValueError, match=said):
        trained(getattr(pf, game)(PLANE, **{network: net}))


def test_networks_whose_sizes_nobody_knows_yet_are_refused():
    with pytest.raises(ValueError, match=r"'generator.weight' has no size yet: call the network"):
        trained(pf.GAN(PLANE, nn.LazyLinear(2)))


def test_samples_tell_it_as_well():
    with pytest.raises(ValueError, match=r"the generator of this GAN, a MLP, cannot take \(3, 4\)"):
        pf.GAN(PLANE, MLP(5, 2, 8, 2), latent=4).sample(3)


def test_what_torch_would_broadcast_or_accept_is_refused():
    """7x7 images for 8x8 ones: convolutions of a critic may take either, and nobody is told."""
    small = nn.Sequential(nn.Linear(4, 49), nn.Unflatten(1, (1, 7, 7)))
    with pytest.raises(ValueError, match=r"must make \(batch, 1, 8, 8\).* makes \(8, 1, 7, 7\)"):
        trained(pf.GAN(IMAGES, small, latent=4))


def test_the_error_of_a_network_that_is_not_about_sizes_stays_itself():
    class Odd(nn.Module):
        def forward(self, z):
            raise RuntimeError("no luck today")

    with pytest.raises(RuntimeError, match=r"^no luck today$"):
        pf.GAN(PLANE, Odd(), latent=4).sample(3)


class Strange(pf.Density):
    """A user's density, whose network is of another size."""

    def __init__(self):
        super().__init__(PLANE)
        self.net = nn.Sequential(nn.Linear(3, 1))

    def log_prob(self, x):
        return self.net(x)[:, 0]

    def sample(self, n):
        return self.net(torch.randn(n, 4)).expand(n, 2)


def test_parts_of_any_model_are_told_by_name():
    with pytest.raises(ValueError, match=r"the net of this Strange, a Sequential, .* \(8, 2\)"):
        trained(Strange())
    with pytest.raises(ValueError, match=r"the net of this Strange, a Sequential, .* \(5, 4\)"):
        Strange().sample(5)


@pytest.mark.parametrize(
    ("knobs", "said"),
    [
        ({"critics": (nn.Flatten(),)}, "two critics, of B and of A, not 1"),
        ({"space": pf.Pixels(1, 2, 2)}, "sides of at least 3"),
        ({"space": PLANE}, "is for images"),
        ({"objective": "hinge"}, "objective must be a loss on scores"),
        ({"cycle": -1.0}, "cycle must be a weight"),
    ],
)
def test_a_cycle_that_cannot_be(knobs, said):
    with pytest.raises(ValueError, match=said):
        pf.CycleGAN(**{"space": IMAGES, "width": 8, **knobs})


def test_translators_and_critics_of_a_cycle_that_make_something_else():
    x = torch.zeros(4, 1, 8, 8, dtype=torch.uint8)
    shrinks = pf.CycleGAN(IMAGES, forth=nn.Conv2d(1, 1, 3), width=8)
    with pytest.raises(ValueError, match=r"forth must make \(batch, 1, 8, 8\)"):
        shrinks.sample(4, x)
    with pytest.raises(ValueError, match=r"the forth of this CycleGAN, a Conv2d, cannot take"):
        pf.CycleGAN(IMAGES, forth=nn.Conv2d(3, 1, 3, padding=1), width=8).sample(4, x)
    maps = nn.Conv2d(1, 1, 3)
    with pytest.raises(ValueError, match="one score for each datum"):
        pf.CycleGAN(IMAGES, critics=(maps, maps), width=8).critics_loss(x, x)


@pytest.mark.parametrize(
    ("knobs", "said"),
    [
        ({"continuous": -1}, "continuous must be a whole number of at least 0"),
        ({"kinds": 10}, "kinds must be a tuple"),
        ({"recogniser": nn.Linear(2, 5)}, r"the recogniser must give \(batch, 14\)"),
        ({"recogniser": nn.Linear(3, 14)}, "the recogniser of this InfoGAN"),
    ],
)
def test_codes_that_cannot_be(knobs, said):
    with pytest.raises(ValueError, match=said):
        trained(pf.InfoGAN(PLANE, **knobs))


@pytest.mark.parametrize("kind", [10, -1, 1.0])
def test_a_category_that_a_kind_has_not(kind):
    with pytest.raises(ValueError, match=r"a code of 10 categories .* expected"):
        pf.InfoGAN(PLANE).coded(2, torch.full((2, 1), kind))


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (lambda: pf.FQGAN(IMAGES, critic=nn.Linear(8, 1), latent=8, width=8), "in two Halves"),
        (lambda: pf.WGAN(PLANE, bound=math.inf), "positive, finite bound"),
        (lambda: pf.GAN(PLANE, objective="hinge"), "objective must be a loss on scores"),
        (lambda: pf.GAN(PLANE, penalties=R1()), r"penalties must be a tuple, such as \(R1"),
        (lambda: pf.FGAN(PLANE, "alpha(inf)"), "alpha must be a finite number"),
        (lambda: pf.CoGAN(pf.Pixels(3, 8, 8), kinds=2), "2 kinds stand one after another"),
        (lambda: pf.CoGAN(pf.Pixels(2, 7, 8)), "must be even"),
    ],
)
def test_settings_that_cannot_be(build, said):
    with pytest.raises(ValueError, match=said):
        build()


@pytest.mark.parametrize("net", [nn.Linear(4, 1), MLP(4, 1, 8, 1)])
def test_packs_that_cannot_be_told(net):
    labels = pf.Labels(10)
    with pytest.raises(ValueError, match="the critic must be told a vector c of length 10"):
        pf.GAN(PLANE, critic=Packed(net, 2), latent=4, given=labels)


def test_a_pack_is_warned_of_slopes_under_batch_norm():
    inner = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Linear(8, 1))
    for penalty in (R1(), R2(), DRAGAN(), ZeroCentred(), GradientPenalty()):
        with pytest.warns(UserWarning, match="without batch normalisation"):
            pf.GAN(PLANE, critic=Packed(inner, 2), latent=4, penalties=(penalty,))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pf.GAN(PLANE, critic=Packed(MLP(4, 1, 8, 1), 2), latent=4, penalties=(R1(),))


@pytest.mark.parametrize("temperature", [-1.0, math.nan, math.inf, "warm"])
def test_temperatures_that_are_none(temperature):
    for model in (pf.GAN(PLANE, latent=4), pf.MAF(2, 2, 8, 1)):
        with pytest.raises(ValueError, match="temperature must be a number of at least 0"):
            model.sample(2, temperature=temperature)


def test_a_truncation_to_nearly_nothing_comes_at_once():
    """By drawing again it would take a million rounds."""
    torch.manual_seed(0)
    z = truncated_normal((4_000,), 1e-6, dtype=torch.float64)
    assert z.abs().max() <= 1e-6
    assert stats.kstest(z.numpy(), stats.uniform(-1e-6, 2e-6).cdf).pvalue > 1e-6


def refused(*words: object) -> str:
    with pytest.raises(SystemExit) as stop:
        main([str(word) for word in words])
    assert stop.value.code not in (0, None)
    return str(stop.value)


@pytest.fixture(scope="module")
def told_a_class(tmp_path_factory):
    out = tmp_path_factory.mktemp("told")
    data = pf.data.find("gaussians8?labels=True")
    pf.fit(conditional_gan_vectors(), data, pf.Recipe(1, 16, validate_every=0), out, quiet=True)
    return out / "checkpoint.safetensors"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "needs a class: give --label"),
        (["--label", 8], "0 .. 7"),
        (["--label", -1], "0 .. 7"),
        (["--label", 1, "--truncation", 0], "must be positive and finite, not 0"),
        (["--label", 1, "--truncation", "nan"], "must be positive and finite, not nan"),
        (["--label", 1, "--temperature", -1], "temperature must be a number of at least 0"),
        (["--label", 1, "--top-k", 3], "has no top-k"),
    ],
)
def test_sampling_by_the_command_line_says_what_is_wrong(told_a_class, words, said, tmp_path):
    told = refused("sample", told_a_class, "--out", tmp_path / "x.png", *words)
    assert said in told
    assert "\n" not in told


def test_the_command_line_truncates_noise(told_a_class, tmp_path, capsys):
    for name, truncation in (("wide", 2.0), ("narrow", 1e-4)):
        words = ["sample", told_a_class, "--label", 1, "--n", 50, "--out", tmp_path / f"{name}.png"]
        main([str(word) for word in (*words, "--truncation", truncation)])
    wide, narrow = (np.load(tmp_path / f"{name}.npy") for name in ("wide", "narrow"))
    assert narrow.std(0).max() < 1e-2 * wide.std(0).min()


def test_a_translator_is_no_matter_of_flags(tmp_path):
    data = pf.data.find("unpaired?negative=True")
    model = pf.CycleGAN(IMAGES, width=4)
    pf.fit(model, data, pf.Recipe(1, 4, validate_every=0), tmp_path, quiet=True)
    said = refused("sample", tmp_path / "checkpoint.safetensors")
    assert "sample it in Python" in said
    assert "\n" not in said
