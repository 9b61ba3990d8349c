"""VAEs against torch.distributions, quadrature, and models whose likelihood is known."""

import math

import numpy as np
import pytest
import torch
from torch.distributions import Independent, MultivariateNormal, Normal, kl_divergence

import pushforward as pf
from pushforward.models.latent.gmm import GMM
from pushforward.models.latent.vae import VAE, TwoStageVAE, dense
from pushforward.models.latent.vampprior import VampPrior
from pushforward.nn.mlp import MLP, FlatMLP
from pushforward.objectives.variational import ELBO, Capacity, Cyclical, Draw, Linear, closed_rate
from pushforward.probability.covariances import DiagonalCovariance
from pushforward.probability.decoders import Decoder
from pushforward.probability.discretized import DiscretizedLogisticHead
from pushforward.probability.heads import CategoricalHead, GaussianHead
from pushforward.probability.posteriors import (
    DeltaGaussian,
    DiagonalGaussian,
    Encoder,
    FullGaussian,
    drawn,
)
from pushforward.probability.priors import StandardNormal

BITS = pf.Pixels(1, 4, 4, levels=2)


def small(**parts):
    torch.manual_seed(0)
    return VAE(*dense(BITS, latent=2, width=8), **parts).double()


def bits(n=6, seed=0):
    return torch.from_numpy(
        np.random.RandomState(seed).randint(2, size=(n, 1, 4, 4), dtype="uint8")
    )


def integral(model, x, reach=8.0, points=161):
    """Log p(x) by a grid over two latents."""
    side = torch.linspace(-reach, reach, points, dtype=torch.float64)
    z = torch.cartesian_prod(side, side)
    with torch.no_grad():
        joint = model.decode(z[:, None]).log_prob(x) + model.prior.log_prob(z)[:, None]
    return joint.logsumexp(0) + 2 * math.log(side[1] - side[0])


def test_bounds_are_ordered_and_tighten_to_the_integral():
    model, x = small(), bits()
    truth = integral(model, x)
    torch.manual_seed(1)
    with torch.no_grad():
        l1 = model.elbo(x, samples=4_000)
        weights = model.log_weights(x, samples=4_000)
        l5, l50 = (
            (weights.unflatten(0, (-1, k)).logsumexp(1) - math.log(k)).mean(0) for k in (5, 50)
        )
    assert (l1 < l5).all()
    assert (l5 < l50).all()
    assert (l50 < truth + 0.01).all()
    assert torch.allclose(model.importance_weighted(x, k=4_000), truth, atol=0.03)


@pytest.mark.parametrize("head", [DiagonalGaussian, FullGaussian, DeltaGaussian])
def test_closed_rate_is_the_mean_of_draws(head):
    torch.manual_seed(0)
    head = head(3)
    q = head(torch.randn(4, head.outputs, dtype=torch.float64))
    z, log_q = drawn(q, 100_000)
    assert log_q is None
    prior = StandardNormal((3,)).double()
    log_p = prior.log_prob(z.flatten(0, 1)).unflatten(0, z.shape[:2])
    exact = closed_rate(q, prior).sum(1)
    assert torch.allclose(exact, (q.log_prob(z) - log_p).mean(0), atol=0.05)
    unit = Independent(Normal(torch.zeros(3).double(), 1.0), 1)
    if isinstance(q, MultivariateNormal):
        unit = MultivariateNormal(torch.zeros(3).double(), torch.eye(3).double())
    assert torch.allclose(exact, kl_divergence(q, unit))


def test_rate_without_closed_form_is_drawn():
    model = small(prior=GMM(2, 3, DiagonalCovariance()))
    draw = model.draw(bits(), samples=7)
    assert draw.rate.shape == (6, 1)
    assert torch.allclose(draw.rate[:, 0], (draw.log_q - draw.log_p).mean(0))


def test_a_draw_computes_only_what_is_asked_of_it(monkeypatch):
    model, x = small(), bits()
    torch.manual_seed(3)
    whole = model.draw(x, samples=4)
    terms = {"distortion": -whole.log_x.mean(0), "rate": closed_rate(whole.q, model.prior).sum(1)}
    assert torch.allclose(whole.log_p, -(whole.z**2).sum(-1) / 2 - math.log(2 * math.pi))
    assert torch.equal(whole.log_weights, whole.log_x + whole.log_p - whole.log_q)

    def refuse(*arguments):
        raise AssertionError("nobody needs this density")

    monkeypatch.setattr(StandardNormal, "log_prob", refuse)
    monkeypatch.setattr(Independent, "log_prob", refuse)
    torch.manual_seed(3)
    loss = ELBO(samples=4)(model, x)
    assert all(torch.equal(loss[name], terms[name]) for name in terms)
    with pytest.raises(AssertionError, match="nobody needs"):
        model.log_weights(x)


def test_few_draws_at_a_time_change_nothing(monkeypatch):
    model, x = small(), bits()
    with torch.no_grad():
        bounds = []
        for chunk in (2**30, 1, 200):
            monkeypatch.setattr("pushforward.models.latent.vae.CHUNK", chunk)
            torch.manual_seed(0)
            bounds.append(model.importance_weighted(x, k=7))
    assert torch.allclose(bounds[0], bounds[1])
    assert torch.allclose(bounds[0], bounds[2])


def test_delta_commits_a_rate():
    head = DeltaGaussian(5, delta=0.3)
    q = head(torch.randn(1000, head.outputs, dtype=torch.float64) * 20)
    assert (kl_divergence(q.base_dist, Normal(0.0, 1.0)) >= 0.3 - 1e-12).all()


def ppca(x, latent):
    """The highest mean log-likelihood that a linear-Gaussian model reaches (Tipping & Bishop)."""
    values = np.linalg.eigvalsh(np.cov(x.T, bias=True))[::-1]
    noise = values[latent:].mean()
    logs = np.log(values[:latent]).sum() + (len(values) - latent) * np.log(noise)
    return -(len(values) * np.log(2 * np.pi) + logs + len(values)) / 2


def test_linear_gaussian_vae_reaches_ppca():
    rng = np.random.RandomState(0)
    x = rng.randn(500, 2) @ rng.randn(2, 5) + 0.3 * rng.randn(500, 5) + rng.randn(5)
    truth = ppca(x, 2)
    torch.manual_seed(0)
    space, head = pf.Reals((5,)), FullGaussian(2)
    encoder = Encoder(MLP(5, head.outputs, layers=0), space, head)
    decoder = Decoder(LinearWithNoise(2, 5), space)
    model = VAE(encoder, decoder, objective=ELBO(samples=4)).double()
    split = pf.Split((torch.from_numpy(x),))
    data = pf.Dataset("line", space, split, split, split)
    recipe = pf.Recipe(400, None, pf.Adam(0.05), schedule=pf.Cosine(), validate_every=0)
    pf.fit(model, data, recipe, quiet=True)
    torch.manual_seed(1)
    with torch.no_grad():  # the weights hardly vary where q is the posterior, as it is here
        bound = model.log_weights(split.tensors[0], samples=20).mean().item()
    assert truth - 0.01 < bound < truth + 1e-4


class LinearWithNoise(pf.Component):
    """A linear map, with one learned scale for all outputs."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.map = torch.nn.Linear(inputs, outputs)
        self.raw = torch.nn.Parameter(torch.zeros(()))

    def forward(self, z):
        mean = self.map(z)
        return torch.stack([mean, self.raw.expand_as(mean)], -1).flatten(1)


@pytest.mark.parametrize(
    "head", [CategoricalHead(17), DiscretizedLogisticHead(17), None], ids=lambda h: type(h).__name__
)
def test_likelihoods_sum_to_one_and_give_pixels(head):
    space = pf.Pixels(2, 1, 1, levels=17)
    outputs = (head or CategoricalHead(17)).outputs
    torch.manual_seed(0)
    for network in (MLP(3, 2 * outputs, 8), pf.ConvDecoder(3, (2 * outputs, 1, 1), 4)):
        p = Decoder(network, space, head)(torch.randn(1, 3))
        every = torch.cartesian_prod(torch.arange(17), torch.arange(17)).to(torch.uint8)
        total = p.log_prob(every.reshape(-1, 1, 2, 1, 1)).exp().sum()
        assert abs(total.item() - 1) < 1e-5
        space.check(p.sample())
        space.check(p.mode)
        assert p.sample((4, 2)).shape == (4, 2, 1, 2, 1, 1)


def test_decoder_over_reals_is_a_normal():
    p = Decoder(MLP(2, 6, 8), pf.Reals((3,)), GaussianHead())(torch.randn(5, 4, 2))
    x = torch.randn(4, 3)
    loc, _ = p.parameters.unbind(-1)
    direct = Normal(loc, p.head(p.parameters).scale).log_prob(x).sum(-1)
    assert p.log_prob(x).shape == (5, 4)
    assert torch.allclose(p.log_prob(x), direct)
    assert p.rsample().requires_grad


def test_vampprior_with_a_pseudo_input_per_datum_is_the_aggregated_posterior():
    """On a finite set the aggregated posterior is the best prior: no other has a lower rate."""
    encoder, decoder = dense(BITS, latent=2, width=8)
    x = bits(12)
    vamp = VampPrior(encoder, 12).start(x)
    model = VAE(encoder, decoder, vamp).double()
    z = torch.randn(7, 2, dtype=torch.float64)
    q = model.encode(x)
    aggregated = q.log_prob(z[:, None]).logsumexp(1) - math.log(12)
    assert torch.allclose(vamp.log_prob(z), aggregated)
    torch.manual_seed(0)
    many = q.sample((4000,)).flatten(0, 1)
    best = vamp.log_prob(many).mean()
    standard = StandardNormal((2,)).double().log_prob(many).mean()
    moments = MultivariateNormal(many.mean(0), many.T.cov()).log_prob(many).mean()
    assert best > moments > standard


def test_pseudo_inputs_of_pixels_are_held_where_pixels_lie():
    encoder, _ = dense(BITS, latent=2, width=8)
    vamp, z = VampPrior(encoder, 3), torch.randn(7, 2)
    torch.nn.init.constant_(vamp.pseudo_inputs, 3.0)
    white = encoder(torch.ones(1, *BITS.shape, dtype=torch.uint8))
    assert torch.allclose(vamp.log_prob(z), white.log_prob(z), atol=1e-5)


def test_vampprior_chunks_and_ties(monkeypatch, tmp_path):
    encoder, decoder = dense(BITS, latent=2, width=8)
    model = VAE(encoder, decoder, VampPrior(encoder, 5))
    z = torch.randn(9, 2)
    whole = model.prior.log_prob(z)
    monkeypatch.setattr("pushforward.models.latent.vampprior.CHUNK", 20)
    assert torch.allclose(model.prior.log_prob(z), whole)
    again = pf.load(pf.save(model, tmp_path / "m.safetensors"))
    assert again.prior.encoder is again.encoder


def test_two_stages_fit_the_prior_afterwards():
    torch.manual_seed(0)
    model = TwoStageVAE(*dense(BITS, latent=2, width=16), GMM(2, 4))
    data = pf.data.find("bars")
    pf.fit(model, data, pf.Recipe(600, 256, pf.Adam(1e-2), validate_every=0), quiet=True)
    x = data.test.at(slice(None))[0]
    with torch.no_grad():
        after = model.importance_weighted(x, k=64).mean()
        before = model.first.importance_weighted(x, k=64).mean()
    assert after > before + 0.02


class Fixed(torch.nn.Module):
    """A model whose draws are given."""

    def __init__(self, rate, progress=1.0):
        super().__init__()
        self.rate, self.progress = rate, torch.tensor(progress)

    def draw(self, x, samples=1):
        nothing = torch.zeros(1, len(self.rate))
        return Draw(None, None, nothing - 3, nothing, nothing, self.rate)


def test_objectives_weigh_the_rate():
    rate = torch.tensor([[0.1, 2.0], [0.3, 4.0]])
    assert ELBO()(Fixed(rate), None)["rate"].tolist() == pytest.approx([2.1, 4.3])
    assert ELBO(beta=4.0)(Fixed(rate), None)["rate"].tolist() == pytest.approx([8.4, 17.2])
    free = ELBO(free_bits=0.5)(Fixed(rate), None)["rate"]
    assert free.item() == pytest.approx(0.5 + 3.0)
    half = ELBO(beta=Linear(until=0.5))(Fixed(rate, 0.25), None)["rate"]
    assert half.tolist() == pytest.approx([1.05, 2.15])
    held = Capacity(nats=10, gamma=2, until=1.0)(Fixed(rate, 0.3), None)
    assert held["gap"].tolist() == pytest.approx([1.8, 2.6])
    assert held["distortion"].tolist() == [3, 3]


def test_schedules_end_at_their_final_weight():
    ticks = torch.linspace(0, 1, 9)
    linear = [Linear(0.5, 2.0).at(t).item() for t in ticks]
    assert linear == pytest.approx([0, 0.5, 1, 1.5, 2, 2, 2, 2, 2])
    cycles = [Cyclical(2, 0.5).at(t).item() for t in ticks]
    assert cycles == pytest.approx([0, 0.5, 1, 1, 0, 0.5, 1, 1, 1])


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: ELBO(beta=-1.0), "beta must be"),
        (lambda: ELBO(beta=math.nan), "beta must be"),
        (lambda: ELBO(beta="4"), "beta must be"),
        (lambda: ELBO(beta=Linear(final=-1.0)), "beta at the end, must be"),
        (lambda: ELBO(free_bits=-0.1), "free_bits must be"),
        (lambda: ELBO(samples=0), "samples must be"),
        (lambda: Linear(until=0), "until must be"),
        (lambda: Cyclical(cycles=0), "cycles must be"),
        (lambda: small(objective=ELBO(free_bits=9.0)), "at most 11.09"),
        (lambda: small(objective=Capacity(nats=12.0)), "at most 11.09"),
        (lambda: small(prior=StandardNormal((3,))), "the prior is over"),
        (lambda: small().importance_weighted(bits(), k=0), "k must be"),
        (lambda: small().elbo(bits(), samples=0), "samples must be"),
        (lambda: small().encode(bits() + 3), "expected values 0 .. 1"),
        (lambda: VampPrior(dense(BITS, 2, 8)[0], 0), "components must be"),
        (lambda: VampPrior(dense(BITS, 2, 8)[0], 9).start(bits()), "9 data must be given"),
        (lambda: DeltaGaussian(2, 0.0), "delta must be"),
        (lambda: Decoder(MLP(2, 5), BITS)(torch.zeros(1, 2)), "must give 1 for each of the 16"),
        (lambda: Encoder(FlatMLP(16, 3), BITS, DiagonalGaussian(2))(bits()), "must be given 4"),
        (lambda: Decoder(MLP(2, 16), BITS, GaussianHead()), "does not describe"),
    ],
)
def test_bad_input(build, message):
    with pytest.raises(ValueError, match=message):
        build()


def test_push_and_latents_walk():
    model = small()
    BITS.check(model.push(model.latents(3)))
