"""VAEs with several players: critics whose best answer is known, and who moves what."""

import math

import pytest
import torch
from test_vae import BITS, bits
from torch.distributions import MultivariateNormal, Normal

import pushforward as pf
from pushforward.models.latent.avb import AVB, dense_avb
from pushforward.models.latent.factor_vae import FactorVAE, permuted
from pushforward.models.latent.lagging import AggressiveVAE
from pushforward.models.latent.vae import dense
from pushforward.nn.mlp import MLP
from pushforward.probability.decoders import Decoder


def data(x):
    space = pf.Reals(tuple(x.shape[1:])) if x.is_floating_point() else BITS
    return pf.Dataset("toy", space, *[pf.Split((x,))] * 3)


class Shear(pf.Component):
    """An implicit posterior that is Gaussian all the same: z = x + (1 + x^2 / 4) eps."""

    def __init__(self) -> None:
        super().__init__()
        self.idle = torch.nn.Parameter(torch.zeros(()))

    def forward(self, inputs):
        x, eps = inputs.split(1, -1)
        return x + (1 + x**2 / 4) * eps


@pytest.mark.parametrize("x", [-1.0, 0.0, 1.0])
def test_critic_and_contrast_give_the_closed_form(x):
    """Log q - log p of a Gaussian posterior, through the contrast and the critic's ratio."""
    torch.manual_seed(0)
    space = pf.Reals((1,))
    decoder = Decoder(MLP(1, 2, 4), space)
    model = AVB(Shear(), decoder, MLP(2, 1, 16, 1), latent=1, noise=1, contrast=500)
    here = torch.full((256, 1), x)
    optimizer = torch.optim.Adam(model.critic.parameters(), 3e-3)
    for _ in range(200):
        optimizer.zero_grad()
        sum(t.mean() for t in model.critic_loss(here).values()).backward()
        optimizer.step()
    with torch.no_grad():
        rate = torch.stack([model.loss(here)["rate"].mean() for _ in range(20)]).mean()
    scale = 1 + x**2 / 4
    exact = torch.distributions.kl_divergence(Normal(x, scale), Normal(0.0, 1.0))
    assert rate.item() == pytest.approx(float(exact), abs=0.06)


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


def test_factor_critic_learns_the_total_correlation():
    torch.manual_seed(0)
    encoder, decoder = dense(BITS, latent=2, width=8)
    model = FactorVAE(encoder, decoder, MLP(2, 1, 32, 2))
    correlation = 0.9
    cover = torch.tensor([[1.0, correlation], [correlation, 1.0]])
    pair = MultivariateNormal(torch.zeros(2), cover)
    optimizer = torch.optim.Adam(model.critic.parameters(), 5e-3)
    for _ in range(300):
        z = pair.sample((512,))
        loss = torch.nn.functional.softplus(-model.critic(z)).mean()
        loss = loss + torch.nn.functional.softplus(model.critic(permuted(z))).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        estimate = model.critic(pair.sample((20_000,))).mean().item()
    assert estimate == pytest.approx(-math.log(1 - correlation**2) / 2, abs=0.08)


def test_permutation_keeps_the_marginals():
    z = torch.arange(12.0).view(4, 3)
    torch.manual_seed(0)
    shuffled = permuted(z)
    assert torch.equal(shuffled.sort(0).values, z)
    assert not torch.equal(shuffled, z)


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
