"""Hierarchical VAEs: their rates, their bounds against enumeration of noise, what the top says."""

import math

import pytest
import torch
from test_vae import BITS, bits
from torch.distributions import Normal

import pushforward as pf
from pushforward.models.latent.deep_vae import DeepVAE
from pushforward.models.latent.ladder_vae import LadderVAE, joined
from pushforward.objectives.variational import ELBO


def stirred(model, scale):
    """The model in float64 with all weights moved: blocks that start at zero then matter."""
    with torch.no_grad():
        for p in model.parameters():
            p.add_(scale * torch.randn_like(p))
    return model.double()


def models():
    torch.manual_seed(0)
    yield stirred(LadderVAE(BITS, (2, 1), width=8), 0.1)
    yield stirred(DeepVAE(BITS, (1, 1), width=4, latent=1), 0.15)


@pytest.mark.parametrize("model", list(models()), ids=["ladder", "deep"])
def test_rate_and_bounds_agree(model):
    x = bits(4)
    torch.manual_seed(1)
    with torch.no_grad():
        draw = model.draw(x, samples=3000)
        many = model.log_weights(x, samples=3000)
    assert draw.rate.shape == (4, 2)
    apart = (draw.log_q - draw.log_p).mean(0) - draw.rate.sum(1)
    error = (draw.log_q - draw.log_p).std(0) / math.sqrt(3000)
    assert (apart.abs() < 5 * error).all()
    l1, l5, l50 = (
        (many[:3000].unflatten(0, (-1, k)).logsumexp(1) - math.log(k)).mean(0) for k in (1, 5, 50)
    )
    assert (l1 < l5).all()
    assert (l5 < l50).all()


@pytest.mark.parametrize("model", list(models()), ids=["ladder", "deep"])
def test_bound_is_below_the_likelihood_by_prior_draws(model):
    x = bits(4)
    torch.manual_seed(1)
    with torch.no_grad():
        p = model._generated(model.latents(40_000))
        truth = torch.stack([p.log_prob(one[None]) for one in x]).logsumexp(1) - math.log(40_000)
        bound = model.importance_weighted(x, k=3000)
        elbo = model.elbo(x, samples=500)
    assert torch.allclose(bound, truth, atol=0.1)
    assert (elbo < truth + 0.05).all()


def test_deep_vae_starts_as_its_prior():
    torch.manual_seed(0)
    draw = DeepVAE(BITS, (2, 1), width=8).draw(bits())
    assert torch.equal(draw.rate, torch.zeros(6, 3))


def test_product_of_normals():
    a, b = Normal(torch.tensor(1.0), torch.tensor(2.0)), Normal(torch.tensor(-1.0), 0.5)
    product = joined(a, Normal(b.loc, torch.tensor(0.5)))
    z = torch.linspace(-2, 2, 5)
    gap = a.log_prob(z) + b.log_prob(z) - product.log_prob(z)
    assert torch.allclose(gap, gap[0].expand(5), atol=1e-5)


def test_levels_pass_free_bits():
    torch.manual_seed(0)
    model = LadderVAE(BITS, (2, 1), width=8, objective=ELBO(free_bits=1.0))
    assert model.loss(bits())["rate"] >= 2.0
    pf.Training(model, pf.data.find("bars"), pf.Recipe(2, 16))


@pytest.mark.parametrize(
    "build",
    [
        lambda: LadderVAE(BITS, ()),
        lambda: DeepVAE(pf.Pixels(1, 6, 6), (1, 1, 1)),
        lambda: DeepVAE(BITS, (0, 1)),
        lambda: DeepVAE(BITS, (1, 1), objective=ELBO(free_bits=6.0)),
    ],
)
def test_bad_arguments(build):
    with pytest.raises(ValueError, match=r"must|at most"):
        build()
