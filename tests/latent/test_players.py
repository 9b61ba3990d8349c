"""VAEs with several players: critics whose best answer is known, and who moves what."""

import math

import numpy as np
import pytest
import torch
from test_vae import BITS, bits
from torch.distributions import Independent, MultivariateNormal, Normal, kl_divergence

import pushforward as pf
from pushforward.metrics.critic_rate import rate_by_critic
from pushforward.models.latent.avb import AVB, dense_avb, even_noise
from pushforward.models.latent.factor_vae import FactorVAE, permuted
from pushforward.models.latent.lagging import AggressiveVAE
from pushforward.models.latent.vae import dense
from pushforward.nn.mlp import MLP
from pushforward.probability.decoders import Decoder
from pushforward.probability.posteriors import DiagonalGaussian, Encoder


def data(x):
    space = pf.Reals(tuple(x.shape[1:])) if x.is_floating_point() else BITS
    return pf.Dataset("toy", space, *[pf.Split((x,))] * 3)


class Noisy(pf.Component):
    """An implicit posterior that is Gaussian all the same: z = shift + x tilt + L eps."""

    def __init__(self, scale, shift=0.0, tilt=0.0) -> None:
        super().__init__()
        self.idle = torch.nn.Parameter(torch.zeros(()))
        self.register_buffer("lower", torch.tensor(scale))
        self.shift, self.tilt = shift, tilt

    def forward(self, inputs):
        x, eps = inputs.split((1, inputs.shape[1] - 1), -1)
        return self.shift + x * self.tilt + eps @ self.lower.T


class Shear(Noisy):
    """Its scale depends on x: z = x + (1 + x^2 / 4) eps."""

    def forward(self, inputs):
        x, eps = inputs.split((1, inputs.shape[1] - 1), -1)
        return x + (1 + x**2 / 4) * eps


class Two(Noisy):
    """A posterior of two modes, normals at `at` and -`at`."""

    def __init__(self, at, width) -> None:
        super().__init__(width)
        self.at = at

    def forward(self, inputs):
        eps = inputs[:, 1:]
        return self.at * eps[:, :1].sign() + self.lower * eps[:, 1:]


def rate_of(encoder, latent, noise, x, steps=400):
    """The rate at the defaults, once the critic has learned, of a posterior that stands still."""
    torch.manual_seed(0)
    space = pf.Reals((1,))
    critic = MLP(1 + latent, 1, 64, 2)
    model = AVB(encoder, Decoder(MLP(latent, 2, 4), space), critic, latent, noise)
    players = {player.name: player for player in model.players()}
    assert players["critic"].turns > 1
    recipe = pf.Recipe(steps, 128, pf.Adam(2e-3), schedule=pf.Cosine(), ema=0.99, validate_every=0)
    pf.fit(model, data(x), recipe, quiet=True)
    with torch.no_grad():
        return model.by_critic(x, samples=200)[1]


@pytest.mark.parametrize("latent", [1, 8])
def test_the_rate_of_a_posterior_that_is_the_prior_is_nothing(latent):
    rate = rate_of(Noisy(torch.eye(latent).tolist()), latent, latent, torch.randn(256, 1))
    assert abs(rate.mean().item()) < 0.02 * latent


def oracle(mean, cover):
    """KL(N(mean, cover) || N(0, I)) in nats by torch."""
    d = len(mean)
    prior = MultivariateNormal(torch.zeros(d), torch.eye(d))
    return kl_divergence(MultivariateNormal(mean, cover), prior).item()


@pytest.mark.parametrize(("shift", "scale"), [(3.0, 1.0), (0.0, 0.1), (-1.0, 2.0)])
def test_the_rate_of_a_normal_that_ignores_its_data(shift, scale):
    rate = rate_of(Noisy((torch.eye(2) * scale).tolist(), shift), 2, 2, torch.randn(256, 1))
    exact = oracle(torch.full((2,), shift), torch.eye(2) * scale**2)
    assert rate.mean().item() == pytest.approx(exact, abs=0.04 + 0.005 * exact)


def test_the_rate_of_correlated_latents_of_which_the_contrast_knows_nothing():
    lower = torch.tensor([[1.0, 0.0], [0.9, 0.4]])
    rate = rate_of(Noisy(lower.tolist()), 2, 2, torch.randn(256, 1), steps=800)
    exact = oracle(torch.zeros(2), lower @ lower.T)
    assert exact > 0.5
    assert rate.mean().item() == pytest.approx(exact, abs=0.05)


def test_the_rate_of_two_modes_by_quadrature():
    rate = rate_of(Two(1.5, 0.5), 1, 2, torch.randn(256, 1), steps=800)
    z = torch.linspace(-6, 6, 4001, dtype=torch.float64)
    log_q = torch.stack([Normal(m, 0.5).log_prob(z) for m in (-1.5, 1.5)]).logsumexp(0)
    log_q = log_q - math.log(2)
    exact = torch.trapezoid(log_q.exp() * (log_q - Normal(0.0, 1.0).log_prob(z)), z).item()
    assert rate.mean().item() == pytest.approx(exact, abs=0.05)


def test_the_rate_of_each_datum_by_the_closed_form():
    """Log q - log p of a Gaussian posterior, through the contrast and the critic's ratio."""
    x = torch.linspace(-1.5, 1.5, 256)[:, None]
    rate = rate_of(Shear(0.0), 1, 1, x)
    exact = kl_divergence(Normal(x, 1 + x**2 / 4), Normal(0.0, 1.0))[:, 0]
    assert (rate - exact).mean().abs() < 0.02
    assert (rate - exact).abs().mean() < 0.15


def test_the_contrast_is_a_function_of_the_data_with_the_moments_of_linear_posteriors():
    torch.manual_seed(0)
    lower = torch.randn(3, 3)
    encoder = Noisy(lower.tolist(), tilt=2.0)
    model = AVB(encoder, Decoder(MLP(3, 2, 4), pf.Reals((1,))), MLP(4, 1, 4), 3, 3)
    x = torch.randn(5, 1)
    r, again = model.reference(x), model.reference(x)
    assert torch.equal(r.base_dist.loc, again.base_dist.loc)
    assert torch.allclose(r.base_dist.loc, 2 * x.expand(-1, 3), atol=1e-5)
    assert torch.allclose(r.base_dist.scale, lower.square().sum(1).sqrt().expand(5, 3), atol=1e-5)
    noise = even_noise(64, 5).double().numpy()
    assert noise.mean(0) == pytest.approx(0, abs=1e-6)
    assert np.cov(noise.T, bias=True) == pytest.approx(np.eye(5), abs=1e-6)


class Square(pf.Component):
    """p(x | z) = N(z^2, 0.2^2): every posterior has two modes."""

    def __init__(self) -> None:
        super().__init__()
        self.space = pf.Reals((1,))

    def forward(self, z):
        return Independent(Normal(z**2, 0.2, validate_args=False), 1)


def test_a_rate_that_a_blind_critic_tells_is_warned_of():
    """Two modes with the moments of the prior: a critic that says 0 tells a rate of 0."""
    torch.manual_seed(0)
    x = torch.full((40, 1), 1.0)
    model = AVB(Two(1.0, 0.05), Square(), MLP(2, 1, 32, 2), 1, 2)
    last = model.critic.net[-1]
    with torch.no_grad():
        last.weight.zero_()
        last.bias.zero_()
    split = pf.Split((x,))
    found = rate_by_critic(model, split, steps=100)
    z = torch.linspace(-8, 8, 8001, dtype=torch.float64)
    joint = Normal(z**2, 0.2).log_prob(torch.ones(())) + Normal(0.0, 1.0).log_prob(z)
    exact = -torch.trapezoid(joint.exp(), z).log().item()
    assert found.annealed.nats == pytest.approx(exact, abs=0.1)
    assert found.rate == pytest.approx(0, abs=0.05)
    assert found.nats < exact - 1
    assert found.disagrees
    assert "warning" in str(found)
    recipe = pf.Recipe(600, 40, optimizers={"model": pf.Adam(1e-9), "critic": pf.Adam(2e-3)})
    pf.fit(model, data(x), recipe, quiet=True)
    found = rate_by_critic(model, split, steps=100)
    assert found.nats > exact - 0.1
    assert not found.disagrees
    assert "warning" not in str(found)
    with pytest.raises(ValueError, match="has no critic"):
        rate_by_critic(pf.GMM(2), split)


def test_avb_learns_bars_and_has_no_likelihood():
    torch.manual_seed(0)
    model = dense_avb(BITS, latent=3, width=32)
    found = pf.data.find("bars")
    history: list = []
    recipe = pf.Recipe(300, 128, pf.Adam(3e-3), validate_every=0)
    pf.fit(model, found, recipe, quiet=True, history=history)
    first, last = (h.terms["model/distortion"] for h in (history[0], history[-1]))
    assert last < first - 1
    assert not hasattr(model, "elbo")
    assert model.encode(bits(5)).rsample((7,)).shape == (7, 5, 3)


class Copy(pf.Component):
    """The parameters of q(z | x) with the datum as mean, and a scale of about 0.1."""

    def __init__(self) -> None:
        super().__init__()
        self.raw = torch.nn.Parameter(torch.tensor(-2.3))

    def forward(self, x):
        return torch.cat([x, self.raw.expand_as(x)], 1)


@pytest.mark.parametrize("latent", [2, 4])
def test_factor_critic_learns_a_known_density_ratio(latent):
    """By the model's own players, at their default turns: log q(z) / prod_j q(z_j) of a normal."""
    torch.manual_seed(0)
    cover = torch.full((latent, latent), 0.8).fill_diagonal_(1.0)
    space = pf.Reals((latent,))
    encoder = Encoder(Copy(), space, DiagonalGaussian(latent))
    decoder = Decoder(MLP(latent, 2 * latent, 8), space)
    model = FactorVAE(encoder, decoder, MLP(latent, 1, 64, 2))
    x = MultivariateNormal(torch.zeros(latent), cover).sample((20_000,))
    still = {"vae": pf.Adam(1e-9), "critic": pf.Adam(3e-3)}
    recipe = pf.Recipe(500, 64, optimizers=still, schedule=pf.Cosine(), ema=0.99, validate_every=0)
    model = pf.fit(model, data(x), recipe, quiet=True)
    with torch.no_grad():
        scale = model.encode(x[:1]).stddev[0, 0].item()
        joint = MultivariateNormal(torch.zeros(latent), cover + scale**2 * torch.eye(latent))
        z = joint.sample((20_000,))
        each = Normal(0.0, (1 + scale**2) ** 0.5).log_prob(z).sum(1)
        ratio = joint.log_prob(z) - each
        told = model.critic(z)[:, 0]
    correlation = -torch.logdet(joint.covariance_matrix / (1 + scale**2)) / 2
    assert ratio.mean().item() == pytest.approx(correlation.item(), abs=0.03)
    assert told.mean().item() == pytest.approx(correlation.item(), rel=0.1)
    assert torch.corrcoef(torch.stack([told, ratio]))[0, 1] > 0.97


def test_permutation_keeps_the_marginals_and_parts_what_belongs_together():
    torch.manual_seed(0)
    z = torch.arange(12.0).view(4, 3)
    shuffled = permuted(z)
    assert torch.equal(shuffled.sort(0).values, z)
    assert not torch.equal(shuffled, z)
    rows = torch.arange(64)[:, None].expand(-1, 8)
    for _ in range(20):
        assert all(len(row.unique()) == 8 for row in permuted(rows))  # of eight different data
    assert torch.equal(permuted(torch.ones(1, 3)), torch.ones(1, 3))
    counts = torch.zeros(4, 4)
    for _ in range(4_000):
        first, second = permuted(torch.arange(4)[:, None].expand(-1, 2))[0].tolist()
        counts[first, second] += 1
    assert (counts.diagonal() == 0).all()
    assert counts[~torch.eye(4, dtype=torch.bool)].tolist() == pytest.approx(
        [4_000 / 12] * 12, rel=0.25
    )


def test_aggressive_inference_moves_the_encoder_more():
    torch.manual_seed(0)
    model = AggressiveVAE(*dense(BITS, latent=2, width=8), turns=3)
    encoder, generator = model.players()
    assert (encoder.turns, generator.turns) == (3, 1)
    report = list(pf.Training(model, data(bits(64)), pf.Recipe(1, 32, validate_every=0)))[-1]
    assert {"encoder/rate", "generator/rate"} <= set(report.terms)


@pytest.mark.parametrize(
    "build",
    [
        lambda: AggressiveVAE(*dense(BITS, 2, 8), turns=0),
        lambda: FactorVAE(*dense(BITS, 2, 8), MLP(2, 1), gamma=-1.0),
        lambda: AVB(MLP(20, 2), dense(BITS, 2, 8)[1], MLP(18, 1), 2, 4, contrast=1),
    ],
)
def test_bad_numbers(build):
    with pytest.raises(ValueError, match="must be"):
        build()
