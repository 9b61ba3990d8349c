"""Losses, penalties and augmentations as parts of any game, and f-divergences of every kind."""

from __future__ import annotations

import warnings

import pytest
import torch
from torch import nn

import pushforward as pf
from pushforward.core.catalogue import Usage
from pushforward.core.checkpoint import load, save
from pushforward.models.adversarial.f_gan import FGAN, Variational
from pushforward.models.adversarial.gan import GAN, critic_for, generator_for
from pushforward.models.adversarial.lsgan import LSGAN
from pushforward.models.adversarial.wgan_gp import WGANGP
from pushforward.nn.dcgan import DCGANCritic, DCGANGenerator
from pushforward.objectives.adversarial import Hinge, LeastSquares, Relativistic, Smoothed
from pushforward.objectives.alpha import alpha_divergence, f_divergence
from pushforward.objectives.augmentations import InstanceNoise
from pushforward.objectives.f_divergences import F_DIVERGENCES, FDivergence
from pushforward.objectives.penalties import DRAGAN, R1, R2, GradientPenalty, ZeroCentred

PLANE = pf.Reals((2,))
PENALTIES = [GradientPenalty(), ZeroCentred(), DRAGAN(), R1(), R2()]


class Remembering(pf.Component):
    """A linear critic that remembers what it was shown."""

    def __init__(self):
        super().__init__()
        self.net, self.shown = nn.Linear(2, 1), []

    def forward(self, x):
        self.shown.append(x.detach())
        return self.net(x)


def small(**parts):
    return GAN(PLANE, generator_for(PLANE, 4, 8), critic_for(PLANE, 8), latent=4, **parts)


@pytest.mark.parametrize("loss", [Hinge(), Smoothed(), Relativistic(Hinge())], ids=repr)
def test_any_loss_goes_with_any_penalty_and_a_told_critic(loss):
    given = pf.Labels(3)
    networks = generator_for(PLANE, 4, 8, given), critic_for(PLANE, 8, given)
    game = GAN(PLANE, *networks, 4, loss, given=given, penalties=tuple(PENALTIES))
    terms = game.critic_loss(torch.randn(5, 2), torch.tensor([0, 1, 2, 0, 1]))
    assert {p.name for p in PENALTIES} < set(terms)
    assert len(terms) == len(PENALTIES) + 2
    assert all(t.shape == (5,) and t.isfinite().all() for t in terms.values())
    gradients = torch.autograd.grad(sum(t.sum() for t in terms.values()), game.critic.parameters())
    assert all(g.isfinite().all() for g in gradients)


def test_the_parts_of_a_game_come_back_from_its_checkpoint(tmp_path):
    game = small(objective=Relativistic(Hinge()), penalties=(R1(3.0),), augment=InstanceNoise(0.2))
    loaded = load(save(game, tmp_path / "game.safetensors"))
    assert loaded.objective == game.objective
    assert loaded.penalties == game.penalties
    assert loaded.augment == game.augment


def test_data_and_fakes_are_shown_with_noise_while_training():
    game = GAN(PLANE, nn.Linear(2, 2), Remembering(), 2, augment=InstanceNoise(0.5))
    x = torch.full((2_000, 2), 7.0)
    for progress, spread in ((0.0, 0.5), (1.0, 0.0)):
        game.progress.fill_(progress)
        game.critic.shown.clear()
        with torch.no_grad():
            game.critic_loss(x)
            game.generator_loss(x)
        real = game.critic.shown[0]
        assert real.std().item() == pytest.approx(spread, rel=0.1, abs=1e-7)
        assert len(game.critic.shown) == 3
    game.progress.fill_(0.0)
    with torch.no_grad():
        game.generator.weight.zero_()
        game.generator.bias.zero_()
        game.generator_loss(x)
    assert game.critic.shown[-1].std().item() == pytest.approx(0.5, rel=0.1)


def test_a_slope_of_a_critic_with_batch_normalisation_is_warned_of():
    space = pf.Pixels(1, 16, 16)
    networks = DCGANGenerator(4, space.shape, 4), DCGANCritic(space.shape, 4)
    with pytest.warns(UserWarning, match="penalty needs its slope at each datum alone"):
        WGANGP(space, *networks, latent=4)
    with pytest.warns(UserWarning, match="r1, dragan needs"):
        GAN(space, *networks, 4, penalties=(R1(), DRAGAN()))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        GAN(space, *networks, 4)
        WGANGP(space, networks[0], critic_for(space, 4), latent=4)


def test_a_penalty_twice_is_refused():
    with pytest.raises(ValueError, match="once"):
        small(penalties=(R1(), R1(2.0)))


def test_penalties_are_measured_at_their_own_points():
    """R1 at the data, R2 at the fakes: slopes by autograd."""
    torch.manual_seed(0)
    game = GAN(
        PLANE, generator_for(PLANE, 2, 8), critic_for(PLANE, 8), 2, penalties=(R1(3.0), R2(2.0))
    )
    x = torch.randn(16, 2) + 3
    torch.manual_seed(1)
    terms = game.critic_loss(x)
    torch.manual_seed(1)
    fake = game.fake(16).detach()
    for name, weight, points in (("r1", 3.0, x), ("r2", 2.0, fake)):
        u = points.clone().requires_grad_()
        (slope,) = torch.autograd.grad(game.critic(u).sum(), u)
        torch.testing.assert_close(terms[name], weight / 2 * slope.square().sum(1))


def test_the_critics_terms_are_those_of_the_papers_table():
    """f-GAN, tables 1 and 2: -T on data, f*(T) on fakes."""
    real, fake = torch.tensor([0.3, -1.2]).double(), torch.tensor([0.7, -0.4]).double()
    table = {
        "kl": (lambda v: v, lambda t: (t - 1).exp()),
        "pearson": (lambda v: v, lambda t: t**2 / 4 + t),
        "reverse-kl": (lambda v: -(-v).exp(), lambda t: -1 - (-t).log()),
        "squared-hellinger": (lambda v: 1 - (-v).exp(), lambda t: t / (1 - t)),
    }
    for name, (activation, conjugate) in table.items():
        terms = Variational(name).critic(real, fake)
        torch.testing.assert_close(terms["real"], -activation(real))
        torch.testing.assert_close(terms["fake"], conjugate(activation(fake)))
        generator = Variational(name).generator(fake, lambda: real)
        torch.testing.assert_close(generator["fake"], -activation(fake))


def test_the_targets_of_least_squares_can_be_chosen():
    game = LSGAN(PLANE, a=-1.0, b=1.0, c=0.0)
    assert game.objective == LeastSquares(-1.0, 1.0, 0.0)
    assert LSGAN(PLANE).objective == LeastSquares(0.0, 1.0, 1.0)


@pytest.mark.parametrize("alpha", [0.5, -0.5, 1 / 3, 3.0, 1.0, -1.0, 0.0])
def test_an_alpha_divergence_is_an_f_gan_by_itself_or_by_its_name(alpha, tmp_path):
    divergence = alpha_divergence(alpha)
    networks = generator_for(PLANE, 2, 8), critic_for(PLANE, 8)
    for said in (divergence, divergence.name):
        game = FGAN(PLANE, said, *networks, latent=2)
        for player in game.players():
            assert all(t.isfinite().all() for t in player.loss(torch.randn(16, 2)).values())
        loaded = load(save(game, tmp_path / "f_gan.safetensors"))
        u = torch.tensor([0.2, 0.9, 3.0], dtype=torch.float64)
        torch.testing.assert_close(
            loaded.objective.f.generator(u), divergence.generator(u), rtol=0, atol=0
        )


@pytest.mark.parametrize("divergence", F_DIVERGENCES, ids=lambda d: d.name)
def test_every_f_divergence_stands_for_its_name(divergence):
    assert Variational(divergence) == Variational(divergence.name)
    assert f_divergence(divergence.name) is divergence


def test_divergences_that_are_none_are_refused():
    with pytest.raises(ValueError, match="alpha must be a finite number"):
        FGAN(PLANE, "alpha(inf)")
    with pytest.raises(ValueError, match="alpha must be a finite number"):
        FGAN(PLANE, alpha_divergence(float("nan")))
    for name in ("alpha", "alpha()", "alpha(one)", "0.5"):
        with pytest.raises(Usage, match=r"alpha\(0.5\)"):
            FGAN(PLANE, name)
    kl = f_divergence("kl")
    mine = FDivergence(**{**vars(kl), "integrand": f_divergence("pearson").integrand})
    with pytest.raises(ValueError, match="'kl' is the name of another"):
        FGAN(PLANE, mine)


FINITE = [
    *(d for d in F_DIVERGENCES if d.name != "gan"),
    *map(alpha_divergence, (-1.5, 0.0, 0.5, 2.0)),
]


@pytest.mark.parametrize("divergence", FINITE, ids=lambda d: d.name)
def test_a_trained_critic_measures_the_divergence_of_two_gaussians(divergence):
    """N(0, 1) and N(1, 1): every divergence is finite; sums over a grid, so that nothing is drawn.

    The truth is the integral of the definition; what is learned is the bound of the loss.
    """
    torch.manual_seed(0)
    x = torch.linspace(-7, 8, 601, dtype=torch.float64)[:, None]
    log_p, log_q = (torch.distributions.Normal(m, 1.0).log_prob(x[:, 0]) for m in (0.0, 1.0))
    p, q = log_p.softmax(0), log_q.softmax(0)
    truth = (q * divergence.generator(p / q)).sum().item()
    critic = pf.MLP(1, 1, width=16).double()
    optimiser = torch.optim.Adam(critic.parameters(), 0.02)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, 1_000)
    loss = Variational(divergence)

    def bound():
        scores = critic(x / 4)[:, 0]
        terms = loss.critic(scores, scores)
        return -(p * terms["real"] + q * terms["fake"]).sum()

    for _ in range(1_000):
        optimiser.zero_grad()
        (-bound()).backward()
        optimiser.step()
        schedule.step()
    assert 0.97 * truth <= bound().item() <= truth * (1 + 1e-9)
