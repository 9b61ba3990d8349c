"""Adversarial variational Bayes: a posterior that can only be sampled.

    z = g(x, eps),   KL( q(z|x) || p(z) ) = E_q[ T(x, z) ],   T* = log q(z|x) - log p(z)     (eq. 4)
    T* is the best logit for telling (x, z ~ q) from (x, z ~ p)                        (prop. 1)
    adaptive contrast: r(z|x) = N(m(x), s(x)^2) with q's own moments stands between,
    KL = E_q[ log q - log r ] + E_q[ log r - log p ],   T sees (z - m) / s against N(0, I)   (eq. 7)

A posterior of any shape, because a critic learns the density ratio that no formula gives. Near q
the contrast is hard to tell from q, so the ratio is small and well estimated.

Adversarial Variational Bayes (Mescheder, Nowozin & Geiger, 2017), arXiv:1701.04722, algorithm 1,
section 3.
Differs from the paper: moments are estimated from draws, and held fixed, in each step.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, Independent, Normal
from torch.nn import functional as F

from ...core.blueprint import Component
from ...core.catalogue import example, system
from ...core.contract import Density, Latent, Player, Pushforward, Terms
from ...core.spaces import Pixels, Reals, Space, count
from ...nn.mlp import MLP
from ...probability.decoders import Observation
from ...probability.posteriors import entered
from ...probability.priors import StandardNormal
from .vae import dense


class Implicit(Distribution):
    """q(z | x) of a network that is given noise: it has draws, and no density."""

    arg_constraints = {}  # noqa: RUF012
    has_rsample = True

    def __init__(self, network: Component, x: Tensor, latent: int, noise: int):
        self.network, self.x, self.noise = network, x.flatten(1), noise
        super().__init__(x.shape[:1], torch.Size((latent,)), validate_args=False)

    def rsample(self, sample_shape: torch.Size | tuple[int, ...] = ()) -> Tensor:
        """Draws (*sample_shape, batch, latent) with gradients."""
        x = self.x.expand(*sample_shape, *self.x.shape)
        eps = torch.randn(*x.shape[:-1], self.noise, device=x.device, dtype=x.dtype)
        return self.network(torch.cat([x, eps], -1))


class AVB(Latent, Pushforward):
    """A VAE with an implicit posterior, and a critic for its rate.

    Args:
        encoder: (batch, space.dims + noise) -> (batch, latent); it sees pixels in [-1, 1].
        decoder: p(x | z).
        critic: (batch, space.dims + latent) -> (batch, 1).
        latent, noise: lengths of z and eps.
        prior: p(z); N(0, I) where None.
        contrast: draws from which the contrast's moments are estimated, at least two.
        turns: of the critic, for each of the model's.
    """

    def __init__(
        self,
        encoder: Component,
        decoder: Observation,
        critic: Component,
        latent: int,
        noise: int = 8,
        prior: Density | None = None,
        contrast: int = 8,
        turns: int = 1,
    ):
        super().__init__(decoder.space)
        self.encoder, self.decoder, self.critic = encoder, decoder, critic
        self.latent, self.noise = count("latent", latent), count("noise", noise)
        self.prior = prior or StandardNormal((latent,))
        if self.prior.space != Reals((latent,)):
            raise ValueError(f"the prior is over {self.prior.space}, not over {latent} reals")
        self.contrast, self.turns = count("contrast", contrast, 2), count("turns", turns)

    def encode(self, x: Tensor) -> Distribution:
        """q(z | x), which has no density."""
        h = entered(self.space, self.space.check(x), self.dtype)
        return Implicit(self.encoder, h, self.latent, self.noise)

    def decode(self, z: Tensor) -> Distribution:
        """p(x | z) for `z` (..., latent)."""
        return self.decoder(z)

    def players(self) -> tuple[Player, ...]:
        """The critic, then the model."""
        model = nn.ModuleList([self.encoder, self.decoder, self.prior])
        critic = Player("critic", self.critic, self.critic_loss, turns=self.turns)
        return critic, Player("model", model, self.loss)

    def reference(self, x: Tensor) -> Independent:
        """r(z | x), a normal with the moments of draws from q(z | x), without gradients."""
        with torch.no_grad():
            z = self.encode(x).rsample((self.contrast,))
        return Independent(Normal(z.mean(0), z.std(0) + 1e-3, validate_args=False), 1)

    def ratio(self, x: Tensor, z: Tensor, r: Independent) -> Tensor:
        """T: the critic's log q(z|x) - log r(z|x), (batch,)."""
        whitened = (z - r.base_dist.loc) / r.base_dist.scale
        seen = entered(self.space, x, self.dtype).flatten(1)
        return self.critic(torch.cat([seen, whitened], -1))[:, 0]

    def loss(self, x: Tensor) -> Terms:
        """{"distortion", "rate"}, each (batch,) in nats; the rate is the critic's estimate."""
        r, z = self.reference(x), self.encode(x).rsample()
        rate = self.ratio(x, z, r) + r.log_prob(z) - self.prior.log_prob(z)
        return {"distortion": -self.decode(z).log_prob(x), "rate": rate}

    def critic_loss(self, x: Tensor) -> Terms:
        """{"posterior", "contrast"}: cross-entropy of telling q from r."""
        with torch.no_grad():
            r, z = self.reference(x), self.encode(x).rsample()
            other = r.sample()
        posterior, contrast = self.ratio(x, z, r), self.ratio(x, other, r)
        return {"posterior": F.softplus(-posterior), "contrast": F.softplus(contrast)}

    def latents(self, n: int) -> Tensor:
        """`n` draws from the prior, (n, latent)."""
        return self.prior.sample(n)

    def push(self, z: Tensor) -> Tensor:
        """The likeliest data under p(x | z)."""
        with torch.no_grad():
            return self.decode(z).mode

    def sample(self, n: int) -> Tensor:
        """`n` data: z from the prior, x from p(x | z)."""
        return self.decode(self.latents(n)).sample()


def dense_avb(
    space: Space, latent: int, width: int, noise: int = 4, layers: int = 1, turns: int = 1
) -> AVB:
    """The same of perceptrons."""
    _, decoder = dense(space, latent, width, layers)
    encoder = MLP(space.dims + noise, latent, width, layers)
    critic = MLP(space.dims + latent, 1, width, layers)
    return AVB(encoder, decoder, critic, latent, noise, turns=turns)


@example(data="bars", slow=True)
def avb() -> AVB:
    """The smallest instance."""
    return dense_avb(Pixels(1, 4, 4, levels=2), latent=4, width=32, turns=3)


system("avb", lecture=11, title="Adversarial variational Bayes", paper="arXiv:1701.04722")
