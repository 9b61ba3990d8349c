"""GANs that are told something: every kind, by one mechanism."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import pushforward as pf
from pushforward.models.adversarial.dcgan import DCGAN
from pushforward.models.adversarial.f_gan import FGAN
from pushforward.models.adversarial.gan import GAN, critic_for, generator_for
from pushforward.models.adversarial.lsgan import LSGAN
from pushforward.models.adversarial.sngan import SNGAN
from pushforward.models.adversarial.wgan import WGAN
from pushforward.models.adversarial.wgan_gp import WGANGP
from pushforward.nn.spectral import SpectrallyNormalised

PLANE, IMAGES = pf.Reals((2,)), pf.Pixels(1, 8, 8, levels=17)
KINDS = [GAN, LSGAN, WGAN, WGANGP, SNGAN, FGAN]


class Heard(pf.Component):
    """G(z, c) = z, which remembers what it was told."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(()))
        self.heard = []

    def forward(self, z, c):
        self.heard.append(c)
        return z + self.weight


class Steep(pf.Component):
    """f(x, c) = <c, slopes> x_1: a critic whose slope is its class's own."""

    def __init__(self, slopes: tuple):
        super().__init__()
        self.slopes = nn.Parameter(torch.tensor(slopes))

    def forward(self, x, c):
        return (c @ self.slopes) * x[:, 0]


def networks(space, given):
    return {"generator": generator_for(space, 4, 8, given), "critic": critic_for(space, 8, given)}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("space", [PLANE, IMAGES], ids=["plane", "images"])
def test_every_kind_can_be_told_labels(kind, space):
    torch.manual_seed(0)
    given = pf.Labels(3)
    game = kind(space, **networks(space, given), latent=4, given=given)
    y = torch.tensor([0, 1, 2, 0])
    x = game.sample(4, y)
    for player in game.players():
        for term in player.loss(x, y).values():
            assert term.shape == (4,)
            assert term.isfinite().all()
    z = game.latents(1).expand(4, -1)
    pushed = game.fake(4, game.vector(y)) if space is IMAGES else game.push(z, y)
    assert not torch.allclose(pushed[0], pushed[1])
    with pytest.raises(ValueError, match=r"told Labels\(classes=3"):
        game.sample(4)
    with pytest.raises(ValueError, match=r"values 0 .. 2, was given values 0 .. 3"):
        game.push(z, y + torch.tensor([1, 1, 1, 0]))


def test_dcgan_builds_networks_that_are_told():
    game = DCGAN(IMAGES, latent=4, width=4, classes=3).eval()
    y = torch.tensor([0, 1, 2, 0])
    assert game.given == pf.Labels(3)
    z, x = game.latents(1).expand(4, -1), torch.randn(1, 1, 8, 8).expand(4, -1, -1, -1)
    for told in (game.generator(z, game.vector(y)), game.critic(x, game.vector(y))):
        assert torch.allclose(told[0], told[3], atol=1e-6)
        assert not torch.allclose(told[0], told[1], atol=1e-6)
    plain = DCGAN(IMAGES, latent=4, width=4)
    assert not [n for n, _ in plain.named_parameters() if "shifts" in n]


def test_fakes_are_made_for_the_conditions_of_the_batch():
    given = (pf.Labels(3), pf.Reals((2,)))
    game = GAN(PLANE, Heard(), critic_for(PLANE, 8, given), latent=2, given=given)
    y, t = torch.tensor([2, 0, 1]), torch.randn(3, 2)
    for player in game.players():
        player.loss(torch.randn(3, 2), y, t)
    game.push(torch.randn(3, 2), y, t)
    one_hot = torch.eye(3)[y]
    assert len(game.generator.heard) == 3
    for c in game.generator.heard:
        assert torch.equal(c, torch.cat([one_hot, t], 1))


def test_the_gradient_penalty_is_of_the_slopes_for_what_is_told():
    game = WGANGP(PLANE, Heard(), Steep((3.0, 0.5)), latent=2, given=pf.Labels(2), penalty=10.0)
    y = torch.tensor([0, 1, 1])
    terms = game.critic_loss(torch.randn(3, 2), y)
    torch.testing.assert_close(terms["penalty"], 10 * torch.tensor([2.0, 0.5, 0.5]) ** 2)


def test_a_told_critic_is_spectrally_normalised_throughout():
    torch.manual_seed(0)
    given = pf.Labels(3)
    game = SNGAN(IMAGES, **networks(IMAGES, given), latent=4, given=given, turns=1)
    x, y = torch.randint(17, (30, 1, 8, 8), dtype=torch.uint8), torch.arange(30) % 3
    recipe = pf.Recipe(60, 30, pf.Adam(2e-3), validate_every=0)
    list(pf.Training(game, pf.Dataset("noise", IMAGES, *[pf.Split((x, y))] * 3), recipe))
    layers = [m for m in game.critic.modules() if isinstance(m, nn.Linear | nn.Conv2d)]
    assert len(layers) == 5  # two convolutions, what is told to each, and the last
    for layer in layers:
        assert torch.linalg.svdvals(layer.weight.flatten(1)).max().item() == pytest.approx(1, 0.02)


def test_embeddings_are_spectrally_normalised():
    torch.manual_seed(0)
    net = SpectrallyNormalised(nn.Embedding(7, 5)).train()
    for _ in range(30):
        net(torch.arange(7))
    assert torch.linalg.svdvals(net(torch.arange(7))).max().item() == pytest.approx(1, 1e-4)
    ours, theirs = net.net.parametrizations.weight.original, net.net.weight
    assert torch.linalg.svdvals(ours).max().item() == pytest.approx((ours / theirs).max().item())


@pytest.mark.parametrize(
    ("net", "message"),
    [
        (nn.Sequential(nn.Linear(2, 1)), r"must be told a vector c of length 3"),
        (critic_for(PLANE, 8), r"MLP built with context=0: build it with context=3"),
        (critic_for(PLANE, 8, pf.Labels(4)), r"built with context=4: build it with context=3"),
        (
            SpectrallyNormalised(nn.Sequential(nn.Linear(2, 1))),
            r"a Sequential with a forward\(x\) of x alone: give it a forward\(x, c\)",
        ),
    ],
)
def test_networks_that_cannot_be_told_are_refused_before_the_first_step(net, message):
    given = pf.Labels(3)
    with pytest.raises(ValueError, match=message):
        GAN(PLANE, generator_for(PLANE, 4, 8, given), net, latent=4, given=given)
    with pytest.raises(ValueError, match="the generator must be told"):
        SNGAN(PLANE, net, critic_for(PLANE, 8, given), latent=4, given=given)


def test_networks_that_are_told_more_than_the_game_are_refused():
    with pytest.raises(ValueError, match="the critic must be told nothing"):
        GAN(PLANE, critic=critic_for(PLANE, 8, pf.Labels(4)))


def test_pictures_are_told_to_networks_of_the_users_own():
    with pytest.raises(ValueError, match="not images"):
        GAN(IMAGES, given=IMAGES)


@pytest.mark.slow
def test_digits_are_recognised_as_what_was_asked_for():
    from pushforward.metrics.small_classifiers import digits_classifier
    from pushforward.presets.adversarial import conditional_gan_digits

    torch.manual_seed(0)
    experiment = conditional_gan_digits(steps=1_200)
    model = pf.fit(experiment.model, experiment.data, experiment.recipe, quiet=True)
    y = torch.arange(1_000) % 10
    torch.manual_seed(0)
    read = digits_classifier().logits(model.sample(1_000, y)).argmax(1)
    assert (read == y).float().mean() > 0.9
