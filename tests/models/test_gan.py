"""Games of a generator and a critic: shapes, isolation, what batch normalisation remembers."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

import pushforward as pf
from pushforward.models.adversarial.gan import GAN, critic_for, generator_for
from pushforward.models.adversarial.wgan_gp import WGANGP


class Normalised(pf.Component):
    """An MLP generator with batch normalisation."""

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(3, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 2))

    def forward(self, z):
        return self.net(z)


def plane(n=512):
    x = torch.randn(n, 2, generator=torch.Generator().manual_seed(0)) * 0.1 + 1
    return pf.Dataset("plane", pf.Reals((2,)), *[pf.Split((x,))] * 3)


@pytest.mark.parametrize("model", [GAN, WGANGP])
@pytest.mark.parametrize("side", [8, 28, 32])
@pytest.mark.parametrize("channels", [1, 3])
def test_one_pair_of_networks_serves_all_sizes(model, side, channels):
    space = pf.Pixels(channels, side, side, levels=17)
    game = model(space, generator_for(space, 5, 4), critic_for(space, 4), latent=5)
    x = game.sample(3)
    assert x.dtype == torch.uint8
    space.check(x)
    for player in game.players():
        for term in player.loss(x).values():
            assert term.shape == (3,)
            assert term.isfinite().all()


def test_integers_are_the_nearest_to_what_the_critic_saw():
    space = pf.Pixels(1, 8, 8, levels=17)
    game = GAN(space, generator_for(space, 5, 4), critic_for(space, 4), latent=5)
    z = game.latents(4)
    with torch.no_grad():
        seen = game._generate(z)
        assert (game.floats(game.push(z)) - seen).abs().max() <= 1 / 16 + 1e-6
    assert game.floats(torch.full((1, 1, 8, 8), 16, dtype=torch.uint8)).unique().tolist() == [1.0]


def test_a_game_has_no_likelihood():
    game = GAN(pf.Reals((2,)))
    assert not hasattr(game, "log_prob")
    assert str(game.likelihood) == "none"


def test_what_a_generator_cannot_be_differentiated_into_is_refused():
    with pytest.raises(ValueError, match="Tokens"):
        GAN(pf.Tokens(4, 5))
    with pytest.raises(ValueError, match="no usual networks"):
        GAN(pf.Reals((2, 3)))


def test_the_critics_loss_moves_the_running_statistics_of_a_normalised_generator():
    """Its weights stay, its buffers do not: running means follow every forward pass in training
    mode, the critic's too, with or without gradients. They are of the generator's own outputs
    either way, so that they are only fresher.
    """
    game = GAN(
        pf.Reals((2,)), Normalised(), critic_for(pf.Reals((2,)), 8), latent=3, turns=4
    ).train()
    weights = copy.deepcopy(dict(game.generator.named_parameters()))
    with torch.no_grad():
        game.critic_loss(torch.randn(64, 2))
    assert all(torch.equal(w, weights[k]) for k, w in game.generator.named_parameters())
    assert game.generator.net[1].num_batches_tracked == 1
    list(pf.Training(game, plane(), pf.Recipe(1, 64, validate_every=0)))
    assert game.generator.net[1].num_batches_tracked == 1 + 4 + 1  # the critic's turns, its own
    before = game.generator.net[1].running_mean.clone()
    game.eval().sample(10)
    assert torch.equal(game.generator.net[1].running_mean, before)


def test_running_statistics_are_those_of_the_generators_own_noise():
    torch.manual_seed(0)
    game = GAN(pf.Reals((2,)), Normalised(), critic_for(pf.Reals((2,)), 8), latent=3, turns=4)
    list(pf.Training(game, plane(), pf.Recipe(60, 64, validate_every=0)))
    first, norm = game.generator.net[:2]
    torch.testing.assert_close(norm.running_mean, first.bias.detach(), atol=0.1, rtol=0)
    torch.testing.assert_close(
        norm.running_var, first.weight.detach().square().sum(1), rtol=0.3, atol=0
    )


def test_sampling_is_in_parts_for_memory_and_equal_to_the_whole():
    game = GAN(pf.Reals((2,)))
    torch.manual_seed(0)
    whole = game.sample(20)
    torch.manual_seed(0)
    torch.testing.assert_close(torch.cat(list(game.draws(20, size=7))), whole)
