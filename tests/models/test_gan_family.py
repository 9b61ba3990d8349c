"""DCGAN, WGAN, SNGAN, LSGAN, f-GAN: the fact that makes each what it is."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

import pushforward as pf
from pushforward.core.catalogue import Usage
from pushforward.core.checkpoint import load, save
from pushforward.core.spaces import Pixels
from pushforward.models.adversarial.dcgan import DCGAN
from pushforward.models.adversarial.f_gan import FGAN, Variational
from pushforward.models.adversarial.gan import critic_for, generator_for
from pushforward.models.adversarial.lsgan import LSGAN
from pushforward.models.adversarial.sngan import SNGAN, sngan
from pushforward.models.adversarial.wgan import WGAN
from pushforward.nn.dcgan import DCGANCritic, doublings
from pushforward.objectives.adversarial import gradient_norm
from pushforward.objectives.f_divergences import F_DIVERGENCES

PLANE = pf.Reals((2,))
KNOWN = {d.name: d for d in F_DIVERGENCES}


class Shift(pf.Component):
    """G(z) = z + distance along the first axis."""

    def __init__(self, distance: float):
        super().__init__()
        self.distance = nn.Parameter(torch.tensor([distance, 0.0]))

    def forward(self, z):
        return z + self.distance


def normal(n=4_000):
    x = torch.randn(n, 2, generator=torch.Generator().manual_seed(0))
    return pf.Dataset("normal", PLANE, *[pf.Split((x,))] * 3)


def only_critic(model):
    """The same game, in which the generator waits."""
    players = model.players()[:1]
    model.players = lambda: players
    return model


def train(model, steps, optimizer=None):
    recipe = pf.Recipe(steps, 128, optimizer or pf.Adam(5e-3), validate_every=0)
    list(pf.Training(model, normal(), recipe))
    return model.eval()


def test_clipped_weights_pile_up_at_the_bounds():
    torch.manual_seed(0)
    networks = Shift(3.0), critic_for(PLANE, 32)
    model = only_critic(WGAN(PLANE, *networks, latent=2, bound=0.05, turns=1))
    train(model, 200, pf.RMSprop(2e-3))
    weights = torch.cat([p.detach().flatten() for p in model.critic.parameters()])
    assert weights.abs().max() <= 0.05 + 1e-7
    at_the_walls = (weights.abs() > 0.049).float().mean()
    assert at_the_walls > 0.5  # 0.04 if they were spread evenly


def test_a_spectrally_normalised_critic_is_lipschitz_with_layers_of_norm_one():
    torch.manual_seed(0)
    model = only_critic(SNGAN(PLANE, Shift(2.0), critic_for(PLANE, 16), latent=2, turns=1))
    train(model, 150)
    layers = [m for m in model.critic.modules() if isinstance(m, nn.Linear)]
    assert len(layers) == 4
    for layer in layers:
        assert torch.linalg.matrix_norm(layer.weight, 2).item() == pytest.approx(1, abs=0.02)
    slopes = gradient_norm(model.scores, 3 * torch.randn(2_000, 2))
    assert slopes.max() < 1.1**4  # SiLU's slope is at most 1.1


def test_normalised_weights_survive_copies_and_checkpoints(tmp_path):
    model = train(sngan(), 3)
    loaded, copied = load(save(model, tmp_path / "sngan.safetensors")), copy.deepcopy(model)
    x = torch.randn(8, 2)
    assert torch.equal(loaded.scores(x), model.scores(x))
    assert torch.equal(copied.scores(x), model.scores(x))
    assert [p.name for p in loaded.players()] == ["critic", "generator"]


def test_the_least_squares_critic_approaches_its_optimum():
    """D* = p / (p + q) for targets 1 and 0: half where both are alike."""
    torch.manual_seed(0)
    model = only_critic(LSGAN(PLANE, Shift(2.0), critic_for(PLANE, 32), latent=2))
    train(model, 300)
    x = torch.tensor([[-1.0, 0.0], [0.0, 0.0], [1.0, 0.0], [2.0, 0.0], [3.0, 0.0]])
    best = torch.sigmoid(2 - 2 * x[:, 0])  # log p/q = 2 - 2 x for N(0, 1) and N(2, 1)
    assert (model.scores(x) - best).abs().max() < 0.12


@pytest.mark.parametrize("name", ["kl", "reverse-kl", "jensen-shannon", "squared-hellinger"])
def test_the_bound_of_an_f_gan_is_tight_at_the_best_critic(name):
    """Gaussians at distance 1: KL = 1/2 both ways, Hellinger^2 = 2 (1 - exp(-1/8)), JSD by sum."""
    p, q = (torch.distributions.Normal(torch.tensor(m).double(), 1.0) for m in (0.0, 1.0))
    x = torch.linspace(-12, 13, 20_001, dtype=torch.float64)
    weight = x[1] - x[0]
    real, fake = p.log_prob(x).exp() * weight, q.log_prob(x).exp() * weight
    truth = {
        "kl": 0.5,
        "reverse-kl": 0.5,
        "squared-hellinger": 2 * (1 - torch.tensor(-1 / 8).double().exp().item()),
        "jensen-shannon": KNOWN["jensen-shannon"].discrete(real, fake).item(),
    }[name]
    f = KNOWN[name]
    best = f.derivative(real / fake)
    assert (real * best - fake * f.conjugate(best)).sum().item() == pytest.approx(truth, rel=1e-4)
    score = torch.zeros_like(x, requires_grad=True)
    terms = Variational(name).critic(score, score)
    value = -(real * terms["real"] + fake * terms["fake"]).sum()
    assert value < truth  # any other critic gives less


def test_every_f_divergence_gives_finite_losses_and_moves_the_generator():
    for name in KNOWN:
        model = FGAN(PLANE, name, generator_for(PLANE, 2, 8), critic_for(PLANE, 8), latent=2)
        x = torch.randn(16, 2)
        for player in model.players():
            total = torch.stack([t.mean() for t in player.loss(x).values()]).sum()
            gradients = torch.autograd.grad(total, list(player.module.parameters()))
            assert all(g.isfinite().all() for g in gradients)
            assert max(g.abs().max() for g in gradients) > 0


def test_an_unknown_divergence_names_the_nearest():
    with pytest.raises(Usage, match="reverse-kl"):
        FGAN(PLANE, "revers-kl")


@pytest.mark.parametrize(("side", "smallest"), [(8, 4), (28, 7), (32, 4), (64, 4)])
@pytest.mark.parametrize("channels", [1, 3])
def test_dcgan_serves_all_sizes(side, smallest, channels):
    assert doublings(side, side)[0] == (smallest, smallest)
    model = DCGAN(pf.Pixels(channels, side, side), latent=6, width=4)
    x = model.sample(3)
    model.space.check(x)
    assert model.critic_loss(x)["fake"].shape == (3,)


def test_dcgan_starts_as_the_paper_says():
    torch.manual_seed(0)
    weights = DCGANCritic((3, 32, 32), 64).net[2].weight
    assert weights.std().item() == pytest.approx(0.02, rel=0.02)


def test_dcgan_refuses_what_it_cannot_halve():
    with pytest.raises(ValueError, match="evenly"):
        DCGAN(pf.Pixels(1, 30, 30))
    with pytest.raises(ValueError, match="images"):
        DCGAN(PLANE)
    with pytest.raises(ValueError, match="bound"):
        WGAN(PLANE, bound=0.0)


def small_sngan():
    data = pf.data.digits()
    critic = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), nn.LeakyReLU(0.1),
        nn.ConvTranspose2d(8, 4, 4, stride=2, padding=1), nn.LeakyReLU(0.1),
        nn.Flatten(), nn.Linear(1024, 1),
    )  # fmt: skip
    return data, SNGAN(data.space, generator_for(data.space, 8, 8), critic, latent=8, turns=1)


def largest_of_layers(critic):
    """By LAPACK, of the matrices as they are used; a transposed layer's outputs come second."""
    weights = [m.weight.detach().double() for m in critic.modules() if hasattr(m, "kernel_size")]
    weights += [m.weight.detach().double() for m in critic.modules() if isinstance(m, nn.Linear)]
    weights[1] = weights[1].transpose(0, 1)
    assert len(weights) == 3
    return [torch.linalg.svdvals(weight.flatten(1))[0].item() for weight in weights]


@pytest.mark.parametrize(
    ("steps", "ema"), [(30, 0.9), pytest.param(1_000, None, marks=pytest.mark.slow)]
)
def test_learned_layers_have_norm_one_whether_averaged_or_not(steps, ema):
    torch.manual_seed(0)
    data, model = small_sngan()
    recipe = pf.Recipe(steps, 8, pf.Adam(2e-4, (0.0, 0.9)), ema=ema, validate_every=0)
    trained = pf.fit(model, data, recipe, quiet=True)
    assert largest_of_layers(trained.critic) == pytest.approx([1, 1, 1], abs=1e-4)


def test_while_they_learn_layers_are_divided_by_torchs_iteration():
    torch.manual_seed(0)
    _, model = small_sngan()
    layer = model.critic.net[0]
    theirs = nn.Conv2d(1, 8, 3, padding=1)
    theirs.weight.data.copy_(layer.parametrizations.weight.original.data)
    torch.manual_seed(1)
    theirs = nn.utils.parametrizations.spectral_norm(theirs)
    kept = layer.parametrizations.weight[0]
    kept._u.copy_(theirs.parametrizations.weight[0]._u)
    kept._v.copy_(theirs.parametrizations.weight[0]._v)
    assert torch.equal(layer.train().weight, theirs.train().weight)
    before = kept._u.clone()
    assert layer.eval().weight.requires_grad
    assert torch.equal(kept._u, before)


@pytest.mark.parametrize("game", ["DCGAN", "SAGAN", "BigGAN", "PGGAN", "StyleGAN", "FQGAN"])
def test_sizes_that_networks_cannot_make_are_refused(game):
    for side, said in ((1, "at least 2 pixels"), (9, "halved evenly")):
        with pytest.raises(ValueError, match=said):
            getattr(pf, game)(Pixels(1, side, 12))
    with pytest.raises(ValueError, match="width"):
        getattr(pf, game)(Pixels(1, 8, 8), width=0)


@pytest.mark.parametrize("psi", [0, -1, float("nan"), "half"])
@pytest.mark.parametrize("game", ["GAN", "StyleGAN2"])
def test_truncations_that_are_none_are_refused(game, psi):
    model = getattr(pf, game)(Pixels(1, 4, 4)).eval()
    with pytest.raises(ValueError, match=r"trunca.* must be .*not"):
        model.sample(2, truncation=psi)
