"""A VAE of two levels whose top has any prior, such as a VampPrior.

    p(z1, z2) = p(z1 | z2) p(z2),    q(z1, z2 | x) = q(z1 | x, z2) q(z2 | x)     (eqs. 12-14)
    p(z2) = (1/K) sum_k q(z2 | u_k)                                            a VampPrior on top

Two latent vectors are one vector z = (z2, z1) whose posterior and prior are drawn in two steps, so
the model is a `VAE` with this encoder and this prior.

VAE with a VampPrior (Tomczak & Welling, 2018), arXiv:1705.07120, section 4.
Differs from the paper: perceptrons with SiLU instead of gated layers.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.distributions import Distribution

from ...core.blueprint import Component
from ...core.catalogue import example
from ...core.contract import Density
from ...core.spaces import Pixels, Reals, Space, count
from ...nn.mlp import MLP, FlatMLP
from ...probability.decoders import Decoder
from ...probability.heads import head_for
from ...probability.posteriors import DiagonalGaussian, Encoder, PosteriorHead
from .vae import VAE
from .vampprior import VampPrior


class Below(Component):
    """The normal of z1 given z2 and, in a posterior, features of x."""

    def __init__(self, above: int, latent: int, width: int, features: int = 0):
        super().__init__()
        self.head: PosteriorHead = DiagonalGaussian(latent)
        self.network = MLP(above + features, self.head.outputs, width, 1)

    def forward(self, z2: Tensor, features: Tensor | None = None) -> Distribution:
        """q(z1 | x, z2) or p(z1 | z2) for `z2` (..., batch, above), `features` (batch, n)."""
        if features is not None:
            z2 = torch.cat((z2, features.expand(*z2.shape[:-1], -1)), -1)
        return self.head(self.network(z2))


class TwoLevels(Distribution):
    """z2 from a distribution, then z1 from what `below` makes of z2; as one vector (z2, z1)."""

    arg_constraints = {}  # noqa: RUF012
    has_rsample = True

    def __init__(self, top: Distribution, below: Below, features: Tensor):
        self.top, self.below, self.features = top, below, features
        self.above = top.event_shape[0]
        event = torch.Size((self.above + below.head.latent,))
        super().__init__(top.batch_shape, event, validate_args=False)

    def rsample_and_log_prob(
        self, sample_shape: torch.Size | tuple[int, ...] = ()
    ) -> tuple[Tensor, Tensor]:
        """Draws (*sample_shape, batch, latent) with gradients, and log q of them in nats."""
        z2 = self.top.rsample(torch.Size(sample_shape))
        lower = self.below(z2, self.features)
        z1 = lower.rsample()
        return torch.cat((z2, z1), -1), self.top.log_prob(z2) + lower.log_prob(z1)

    def rsample(self, sample_shape: torch.Size | tuple[int, ...] = ()) -> Tensor:
        """Draws with gradients."""
        return self.rsample_and_log_prob(sample_shape)[0]

    def log_prob(self, value: Tensor) -> Tensor:
        """Log q of any `value` (..., batch, latent)."""
        z2, z1 = value.split((self.above, value.shape[-1] - self.above), -1)
        return self.top.log_prob(z2) + self.below(z2, self.features).log_prob(z1)


class TwoLevelEncoder(Encoder):
    """q(z2 | x) q(z1 | x, z2).

    Args:
        top: q(z2 | x), which a VampPrior may share.
        features: (batch, *space.shape) -> (batch, n), what z1 is told of the data.
        below: of z1, given z2 and n features.
    """

    def __init__(self, top: Encoder, features: Component, below: Below):
        super().__init__(features, top.space, below.head)
        self.top, self.below = top, below
        self.latent = top.latent + below.head.latent

    def describe(self, h: Tensor) -> Distribution:
        """q for what the networks see."""
        return TwoLevels(self.top.describe(h), self.below, self.network(h))


class TwoLevelPrior(Density):
    """p(z2) p(z1 | z2), a density over Reals((z2 + z1,)); `top` is any density of vectors."""

    def __init__(self, top: Density, below: Below):
        super().__init__(Reals((top.space.dims + below.head.latent,)))
        self.above, self.top, self.below = top.space.dims, top, below

    def log_prob(self, x: Tensor) -> Tensor:
        """Log p(z2, z1) in nats, (batch,), for latents `x`."""
        z2, z1 = x.split((self.above, x.shape[1] - self.above), 1)
        return self.top.log_prob(z2) + self.below(z2).log_prob(z1)

    def sample(self, n: int) -> Tensor:
        """`n` latents, (n, z2 + z1)."""
        z2 = self.top.sample(n)
        return torch.cat((z2, self.below(z2).sample()), 1)


def hvae(
    space: Space, latents: tuple[int, int], width: int, components: int, layers: int = 1
) -> VAE:
    """Perceptrons of `layers` hidden layers, a VampPrior of `components` on top.

    Args:
        space: of the data.
        latents: lengths of z2 and of z1.
        width: units of a hidden layer.
        components: pseudo-inputs.
        layers: hidden layers of what sees x, and of the decoder.
    """
    high, low = (count("latents", n) for n in latents)
    head = DiagonalGaussian(high)
    top = Encoder(FlatMLP(space.dims, head.outputs, width, layers), space, head)
    features = FlatMLP(space.dims, width, width, max(0, layers - 1))
    encoder = TwoLevelEncoder(top, features, Below(high, low, width, features=width))
    prior = TwoLevelPrior(VampPrior(top, components), Below(high, low, width))
    number = head_for(space)
    network = MLP(high + low, space.dims * number.outputs, width, layers)
    return VAE(encoder, Decoder(network, space, number), prior)


@example(data="bars?height=2")
def two_level_vae() -> VAE:
    """The smallest instance."""
    return hvae(Pixels(1, 2, 4, levels=2), latents=(2, 2), width=16, components=8)
