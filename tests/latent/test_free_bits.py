"""Free bits: groups of latents are the same for every kind of posterior and prior."""

import math

import pytest
import torch
from scipy.special import logsumexp
from scipy.stats import multivariate_normal, norm
from test_vae import BITS, bits
from torch.distributions import Independent, MultivariateNormal, Normal, kl_divergence

from pushforward.models.flow.iaf import IAF
from pushforward.models.flow.planar import PlanarFlow
from pushforward.models.flow.realnvp import VectorRealNVP
from pushforward.models.latent.flow_posterior import posterior
from pushforward.models.latent.gmm import GMM
from pushforward.models.latent.hvae import hvae
from pushforward.models.latent.vae import VAE, dense_decoder, dense_encoder
from pushforward.models.latent.vampprior import VampPrior
from pushforward.objectives.variational import ELBO, Groups, closed_rate
from pushforward.probability.by_dimension import log_prob_each
from pushforward.probability.covariances import (
    DiagonalCovariance,
    FullCovariance,
    SphericalCovariance,
    TiedCovariance,
)
from pushforward.probability.implicit import MixturePosterior, NormalMixture
from pushforward.probability.posteriors import DiagonalGaussian, FullGaussian, drawn
from pushforward.probability.priors import StandardNormal

LATENT = 3
HEADS = {
    "normal": lambda: DiagonalGaussian(LATENT),
    "full": lambda: FullGaussian(LATENT),
    "mixture": lambda: MixturePosterior(LATENT, 2),
    "iaf": lambda: posterior(IAF(LATENT, 2, width=8, context=4)),
    "planar": lambda: posterior(PlanarFlow(LATENT, 2)),
}
PRIORS = {
    "normal": lambda encoder: None,
    "gmm": lambda encoder: mixture(DiagonalCovariance()),
    "vamp": lambda encoder: VampPrior(encoder, 5),
    "flow": lambda encoder: VectorRealNVP(LATENT, 2, width=8),
}
DIVIDED = {"normal", "full", "mixture", "iaf"}, {"normal", "gmm", "vamp"}


def mixture(covariance, components=3):
    torch.manual_seed(0)
    found = GMM(LATENT, components, covariance)
    with torch.no_grad():
        found.logits.normal_()
        found.scale.normal_(0, 0.3)
    return found


def model_of(head, prior, free_bits):
    torch.manual_seed(0)
    encoder = dense_encoder(BITS, HEADS[head](), 8)
    decoder = dense_decoder(BITS, LATENT, 8)
    return VAE(encoder, decoder, PRIORS[prior](encoder), ELBO(free_bits=free_bits)).double()


@pytest.mark.parametrize("prior", PRIORS)
@pytest.mark.parametrize("head", HEADS)
def test_groups_are_the_dimensions_for_every_posterior_and_prior(head, prior):
    if prior == "vamp" and head in ("iaf", "planar"):
        pytest.skip("pseudo-inputs of a flow posterior would be inverted")
    model, x = model_of(head, prior, 0.5), bits(20)
    draw = model.draw(x, samples=4)
    groups = draw.groups
    divided = head in DIVIDED[0] and prior in DIVIDED[1]
    assert groups.unit == "latent"
    assert groups.rate.shape == (20, LATENT if divided else 1)
    assert groups.units * groups.rate.shape[1] == LATENT
    assert torch.allclose(groups.rate.sum(1), draw.rate.sum(1), atol=1e-9)
    enough = groups.rate.mean(0).max().item() / groups.units + 1
    assert groups.paid(enough).item() == pytest.approx(enough * LATENT)
    assert groups.paid(-1e9).item() == pytest.approx(draw.rate.sum(1).mean().item())


def test_what_is_free_is_taken_off_the_mean_over_the_batch():
    """Eq. 15: sum_j max(lambda, mean rate_j), not the mean of max(lambda, rate_j)."""
    rate = torch.tensor([[0.0, 3.0], [1.0, 0.0]])
    for free, paid in ((0.0, 2.0), (0.5, 2.0), (1.0, 2.5), (2.0, 4.0)):
        assert Groups("latent", rate, 1).paid(free).item() == paid
    assert Groups("latent", rate.sum(1, keepdim=True), 2).paid(1.5).item() == 3


@pytest.mark.parametrize("head", HEADS)
def test_a_collapsed_posterior_pays_for_every_dimension(head):
    """q = p: the rate is nothing, and what it costs is lambda times the latents."""
    model = model_of(head, "normal", 0.5)
    last = model.encoder.network.net[-1]
    with torch.no_grad():
        last.weight.zero_()
        last.bias.zero_()
    paid = model.loss(bits(200))["rate"]
    assert paid.item() == pytest.approx(
        0.5 * LATENT, abs=0.2 if head in ("mixture", "iaf") else 1e-6
    )


def test_a_mixture_of_one_normal_counts_as_that_normal():
    """A GMM of one unit component is N(0, I): the drawn rates are those in closed form."""
    exact, model = model_of("normal", "normal", 0.5), model_of("normal", "normal", 0.5)
    one = GMM(LATENT, 1, DiagonalCovariance()).double()
    with torch.no_grad():
        one.means.zero_()
    model.prior = one
    x = bits(30)
    drawn_rates = model.draw(x, samples=20_000).groups.rate
    assert torch.allclose(drawn_rates, exact.draw(x).groups.rate, atol=0.05)


@pytest.mark.parametrize(
    "covariance", [FullCovariance, TiedCovariance, DiagonalCovariance, SphericalCovariance]
)
def test_dimensions_of_a_gmm_by_scipy(covariance):
    gmm = mixture(covariance()).double()
    z = torch.randn(7, LATENT, dtype=torch.float64)
    with torch.no_grad():
        each = gmm.log_prob_each(z)
        assert torch.allclose(each.sum(1), gmm.log_prob(z))
        basis = torch.eye(LATENT, dtype=torch.float64)
        lower = [gmm._coloured(k, basis) - gmm._coloured(k, basis * 0) for k in range(3)]
    log_weights = gmm.logits.log_softmax(0).detach().numpy()
    for j in range(1, LATENT + 1):
        parts = [
            multivariate_normal(m[:j], (a.T @ a)[:j, :j]).logpdf(z[:, :j])
            for m, a in zip(gmm.means.detach().numpy(), (t.numpy() for t in lower))
        ]
        marginal = logsumexp(log_weights[:, None] + parts, axis=0)
        assert each[:, :j].sum(1).numpy() == pytest.approx(marginal)


def test_dimensions_of_a_mixture_posterior_by_scipy():
    torch.manual_seed(0)
    q = NormalMixture(*(torch.randn(s).double() for s in ((2,), (2, 3))), torch.rand(2, 3) + 0.5)
    z = torch.randn(5, 3, dtype=torch.float64)
    each = log_prob_each(q, z)
    for j in range(1, 4):
        logs = norm.logpdf(z[:, None, :j], q.means[:, :j], q.scales[:, :j]).sum(-1)
        marginal = logsumexp(logs + q.log_weights.numpy(), axis=1)
        assert each[:, :j].sum(1).numpy() == pytest.approx(marginal)


def test_dimensions_of_a_full_normal_by_torch():
    torch.manual_seed(0)
    lower = torch.randn(4, 3, 3).double().tril()
    lower.diagonal(dim1=1, dim2=2).abs_().add_(0.1)
    q, z = MultivariateNormal(torch.randn(4, 3).double(), scale_tril=lower), torch.randn(6, 4, 3)
    each = log_prob_each(q, z.double())
    assert torch.allclose(each.sum(-1), q.log_prob(z.double()))
    cover = lower @ lower.mT
    first = Normal(q.mean[:, 0], cover[:, 0, 0].sqrt())
    assert torch.allclose(each[..., 0], first.log_prob(z[..., 0].double()))
    rate = closed_rate(q, StandardNormal((3,)).double())
    unit = MultivariateNormal(torch.zeros(3).double(), torch.eye(3).double())
    assert torch.allclose(rate.sum(1), kl_divergence(q, unit))
    assert torch.allclose(rate[:, 0], kl_divergence(first, Normal(0.0, 1.0)))
    many = q.sample((200_000,))
    drawn_rate = (log_prob_each(q, many) - norm_log_prob(many)).mean(0)
    assert torch.allclose(rate, drawn_rate, atol=0.05)


def norm_log_prob(z):
    return -z.square() / 2 - math.log(2 * math.pi) / 2


def test_dimensions_of_one_autoregressive_step_are_its_conditionals():
    """z_j = e_j s(z_<j) + m(z_<j) backwards: a normal given what is before it."""
    torch.manual_seed(0)
    head = posterior(IAF(2, 1, width=8)).double()
    q = head(torch.randn(3, head.outputs, dtype=torch.float64))
    z, log_q = drawn(q, 4)
    each = log_prob_each(q, z)
    assert torch.allclose(each.sum(-1), log_q)
    assert torch.allclose(q.log_prob(z), log_q, atol=1e-6)
    step = q.bijection.bijections[0].bijection
    slope = step.map(torch.zeros(1, 2).double(), step.net(torch.zeros(1, 2).double()).mT)
    first = step.net.order()[0]
    scale, shift = (-slope[1][0, first]).exp(), slope[0][0, first]
    start = q.start.base_dist
    moved = Normal(start.loc[:, first] / scale + shift, start.scale[:, first] / scale)
    assert torch.allclose(each[..., first], moved.log_prob(z[..., first]))
    assert log_prob_each(q, z.clone()) is None  # only of its own draws


def test_two_levels_of_one_vector_count_each_dimension():
    model, x = hvae(BITS, (1, 2), 8, components=3).double(), bits(5)
    draw = model.draw(x, samples=3)
    assert draw.groups.rate.shape == (5, 3)
    assert torch.allclose(draw.groups.rate.sum(1), draw.rate.sum(1))


def test_what_does_not_split_says_so():
    q = Independent(Normal(torch.zeros(2, 2), 1.0), 2)
    assert log_prob_each(q, torch.zeros(2, 2)) is None
