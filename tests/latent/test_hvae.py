"""Two levels as one vector: densities against torch's normals, and the tie of the VampPrior."""

from __future__ import annotations

import torch
from torch.distributions import Independent, Normal

from pushforward.core.spaces import Pixels
from pushforward.models.latent.hvae import Below, TwoLevelPrior, TwoLevels, hvae
from pushforward.nn.mlp import MLP
from pushforward.probability.priors import StandardNormal


def linear_below(features: int = 0) -> Below:
    below = Below(2, 2, 8, features).double()
    below.network = MLP(2 + features, 4, 8, 0).double()
    return below


def conditional(below: Below, seen: torch.Tensor) -> Independent:
    """The same written out: a linear layer gives means and what scales are made of."""
    mean, scale = below.network(seen).chunk(2, -1)
    return Independent(Normal(mean, below.head(torch.cat((mean, scale), -1)).stddev), 1)


def test_prior_is_the_product_of_its_conditionals() -> None:
    torch.manual_seed(0)
    prior = TwoLevelPrior(StandardNormal((2,)).double(), linear_below())
    z = torch.randn(5, 4, dtype=torch.float64)
    top = Normal(0.0, 1.0).log_prob(z[:, :2]).sum(1)
    expected = top + conditional(prior.below, z[:, :2]).log_prob(z[:, 2:])
    assert torch.allclose(prior.log_prob(z), expected, atol=1e-12)


def test_a_gaussian_chain_has_the_covariance_that_its_matrices_say() -> None:
    torch.manual_seed(0)
    below = linear_below()
    with torch.no_grad():  # z1 = A z2 + 0.5 noise, so cov(z1) = A A' + 0.25
        (layer,) = (m for m in below.network.modules() if isinstance(m, torch.nn.Linear))
        layer.weight[2:] = 0
        layer.bias.zero_()
    scale = below.head(torch.zeros(1, 4, dtype=torch.float64)).stddev[0]
    z = TwoLevelPrior(StandardNormal((2,)).double(), below).sample(200_000)
    matrix = layer.weight[:2].detach()
    expected = matrix @ matrix.T + scale.detach().diag() ** 2
    assert torch.allclose(z[:, 2:].T.cov(), expected, atol=0.02)
    assert torch.allclose(z.T.cov()[2:, :2], matrix, atol=0.02)


def test_draws_know_their_density() -> None:
    torch.manual_seed(0)
    top = Independent(Normal(torch.zeros(3, 2).double(), torch.ones(3, 2).double() / 2), 1)
    features = torch.randn(3, 5, dtype=torch.float64)
    q = TwoLevels(top, linear_below(5), features)
    z, log_q = q.rsample_and_log_prob((4,))
    assert z.shape == (4, 3, 4)
    assert torch.allclose(q.log_prob(z), log_q, atol=1e-12)
    seen = torch.cat((z[..., :2], features.expand(4, 3, 5)), -1)
    expected = top.log_prob(z[..., :2]) + conditional(q.below, seen).log_prob(z[..., 2:])
    assert torch.allclose(log_q, expected, atol=1e-12)


def test_the_prior_moves_with_the_encoder() -> None:
    model = hvae(Pixels(1, 2, 4, levels=2), (2, 3), 8, 4)
    assert model.prior.top.encoder is model.encoder.top
    names = [name for name, _ in model.named_parameters()]
    assert len(names) == len({id(p) for p in model.parameters()})
