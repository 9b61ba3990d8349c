"""Every posterior with every prior and every likelihood: a step of training, and its bound."""

import itertools

import pytest
import torch

import pushforward as pf
from pushforward.models.flow.iaf import IAF
from pushforward.models.flow.maf import MAF
from pushforward.models.flow.planar import PlanarFlow
from pushforward.models.flow.realnvp import VectorRealNVP
from pushforward.models.flow.sylvester import SylvesterFlow
from pushforward.models.latent.avb import AVB
from pushforward.models.latent.flow_posterior import posterior
from pushforward.models.latent.gmm import GMM
from pushforward.models.latent.vae import VAE, TwoStageVAE
from pushforward.models.latent.vampprior import VampPrior
from pushforward.nn.mlp import MLP, FlatMLP
from pushforward.probability.covariances import DiagonalCovariance
from pushforward.probability.decoders import Decoder
from pushforward.probability.discretized import DiscretizedLogisticHead
from pushforward.probability.heads import BinaryHead, CategoricalHead, GaussianHead
from pushforward.probability.implicit import MixturePosterior
from pushforward.probability.logistic_mixture_decoder import LogisticMixtureDecoder
from pushforward.probability.posteriors import (
    DeltaGaussian,
    DiagonalGaussian,
    Encoder,
    FullGaussian,
)
from pushforward.probability.priors import StandardNormal
from pushforward.training.mover import Mover

Z = 3
BITS, GREY, COLOUR = (pf.Pixels(1, 2, 2, levels=2), pf.Pixels(1, 2, 2, 5), pf.Pixels(3, 2, 2, 5))
POSTERIORS = {
    "diagonal": lambda: DiagonalGaussian(Z),
    "full": lambda: FullGaussian(Z),
    "delta": lambda: DeltaGaussian(Z),
    "planar": lambda: posterior(PlanarFlow(Z, 2, context=4)),
    "sylvester": lambda: posterior(SylvesterFlow(Z, 1)),
    "iaf": lambda: posterior(IAF(Z, 2, width=8, context=4)),
    "mixture": lambda: MixturePosterior(Z, 2),
}
PRIORS = {
    "standard": lambda encoder: StandardNormal((Z,)),
    "mixture": lambda encoder: GMM(Z, 3, DiagonalCovariance()),
    "vamp": lambda encoder: VampPrior(encoder, 4),
    "realnvp": lambda encoder: VectorRealNVP(Z, 2, width=8),
    "autoregressive": lambda encoder: MAF(Z, 1, width=8),
}
LIKELIHOODS = {
    "bernoulli": (BITS, BinaryHead()),
    "gaussian": (pf.Reals((2, 2)), GaussianHead()),
    "logistic": (GREY, DiscretizedLogisticHead(5)),
    "categorical": (GREY, CategoricalHead(5)),
    "logistic mixture": (COLOUR, None),
}


def decoder_of(likelihood):
    space, head = LIKELIHOODS[likelihood]
    if head is not None:
        return Decoder(MLP(Z, space.dims * head.outputs, 8, 1), space, head)
    outputs = LogisticMixtureDecoder.outputs(space, components=2)
    return LogisticMixtureDecoder(MLP(Z, outputs * 4, 8, 1), space, components=2)


def built(posterior_kind, prior, likelihood, kind=VAE):
    decoder, head = decoder_of(likelihood), POSTERIORS[posterior_kind]()
    network = FlatMLP(decoder.space.dims, head.outputs, 8, 1)
    encoder = Encoder(network, decoder.space, head)
    return kind(encoder, decoder, PRIORS[prior](encoder)).double()


def data_of(space, n=6):
    if isinstance(space, pf.Reals):
        return torch.randn(n, *space.shape, dtype=torch.float64)
    return torch.randint(space.levels, (n, *space.shape), dtype=torch.uint8)


def pairs_first():
    """All combinations; those in which no part is the plainest are left to the slow tests."""
    for parts in itertools.product(POSTERIORS, PRIORS, LIKELIHOODS):
        plain = {"diagonal", "standard", "bernoulli"} & set(parts)
        yield pytest.param(parts, id="-".join(parts), marks=() if plain else pytest.mark.slow)


@pytest.mark.parametrize("parts", [*pairs_first()])
def test_every_combination_learns(parts):
    torch.manual_seed(0)
    model = built(*parts)
    x = data_of(model.space)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    mover = Mover(model.players()[0], pf.Recipe(steps=2, optimizer=pf.Adam(1e-3)))
    mover.move((x,), 1.0)  # what starts at zero holds the gradients of its inputs back once
    terms = mover.move((x,), 1.0)
    assert set(terms) == {"distortion", "rate"}
    assert all(t.isfinite() for t in terms.values())
    still = [name for name, p in model.named_parameters() if torch.equal(p, before[name])]
    assert still == []
    with torch.no_grad():
        assert (model.log_weights(x, samples=3).shape) == (3, 6)
    model.space.check(model.sample(2))


@pytest.mark.parametrize("kind", POSTERIORS)
@pytest.mark.parametrize("prior", ["mixture", "realnvp", "autoregressive"])
def test_a_prior_can_be_fitted_afterwards(kind, prior):
    """The others have nothing to fit, or move with the encoder."""
    torch.manual_seed(0)
    model = built(kind, prior, "bernoulli", TwoStageVAE)
    _, after = model.stages()
    z = after.view(data_of(BITS, 40))
    for player in after.players:
        terms = Mover(player, pf.Recipe(steps=1)).move(z, 1.0)
    assert all(t.isfinite() for t in terms.values())


@pytest.mark.parametrize(
    ("prior", "likelihood"),
    [*((p, "bernoulli") for p in PRIORS if p != "vamp"), *(("standard", x) for x in LIKELIHOODS)],
)
def test_an_implicit_posterior_goes_with_them(prior, likelihood):
    """Not with a VampPrior: a mixture of posteriors that have no density has none either."""
    torch.manual_seed(0)
    decoder = decoder_of(likelihood)
    dims = decoder.space.dims
    parts = MLP(dims + 2, Z, 8, 1), decoder, MLP(dims + Z, 1, 8, 1)
    model = AVB(*parts, Z, noise=2, prior=PRIORS[prior](None)).double()
    for player in model.players():
        terms = Mover(player, pf.Recipe(steps=1)).move((data_of(model.space),), 1.0)
        assert all(t.isfinite() for t in terms.values())
    model.space.check(model.sample(2))


def test_a_mixture_of_logistics_sums_to_one():
    space = pf.Pixels(2, 1, 1, levels=4)
    torch.manual_seed(0)
    outputs = LogisticMixtureDecoder.outputs(space, 3)
    for network in (MLP(Z, outputs, 8), pf.ConvDecoder(Z, (outputs, 1, 1), 4)):
        p = LogisticMixtureDecoder(network, space, 3)(torch.randn(2, 5, Z))
        every = torch.cartesian_prod(torch.arange(4), torch.arange(4)).to(torch.uint8)
        images = every.reshape(16, 1, 1, 2, 1, 1).expand(-1, 2, 5, -1, -1, -1)
        total = torch.stack([p.log_prob(image) for image in images]).exp().sum(0)
        assert torch.allclose(total, torch.ones(2, 5), atol=1e-5)
        space.check(p.mode.flatten(0, 1))
        assert p.sample((6,)).shape == (6, 2, 5, 2, 1, 1)
    with pytest.raises(ValueError, match="logistics describe pixels"):
        LogisticMixtureDecoder(MLP(Z, outputs, 8), pf.Reals((2,)))
    with pytest.raises(ValueError, match=f"must give {outputs} for each pixel"):
        LogisticMixtureDecoder(MLP(Z, outputs + 1, 8), space, 3)(torch.randn(2, Z))
