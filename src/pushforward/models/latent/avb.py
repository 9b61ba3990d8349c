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

from ...core.catalogue import example, system
from ...core.contract import Density, Player, Terms
from ...core.given import Given, heard, told, told_alike
from ...core.spaces import Pixels, Space, count
from ...nn.conditions import as_vector, call, width_of
from ...nn.mlp import MLP
from ...probability.decoders import Observation, together
from ...probability.posteriors import Side, entered
from .vae import dense_decoder
from .variational import Decoded


class Implicit(Distribution):
    """q(z | x) of a network that is given noise, and told `c`: it has draws, and no density."""

    arg_constraints = {}  # noqa: RUF012
    has_rsample = True

    def __init__(
        self, network: nn.Module, x: Tensor, latent: int, noise: int, c: Tensor | None = None
    ):
        self.network, self.x, self.noise, self.c = network, x.flatten(1), noise, c
        super().__init__(x.shape[:1], torch.Size((latent,)), validate_args=False)

    def rsample(self, sample_shape: torch.Size | tuple[int, ...] = ()) -> Tensor:
        """Draws (*sample_shape, batch, latent) with gradients."""
        x = self.x.expand(*sample_shape, *self.x.shape)
        eps = torch.randn(*x.shape[:-1], self.noise, device=x.device, dtype=x.dtype)
        seen, c = together(torch.cat([x, eps], -1), self.c)
        flat = None if c is None else c.flatten(0, -2)
        return call(self.network, seen.flatten(0, -2), flat).unflatten(0, seen.shape[:-1])


class AVB(Decoded):
    """A VAE with an implicit posterior, and a critic for its rate.

    Args:
        encoder: (batch, space.dims + noise) -> (batch, latent); it sees pixels in [-1, 1].
        decoder: p(x | z).
        critic: (batch, space.dims + latent) -> (batch, 1).
        latent, noise: lengths of z and eps.
        prior: p(z); N(0, I) where None.
        contrast: draws from which the contrast's moments are estimated, at least two.
        turns: of the critic, for each of the model's.
        given: what it is told beside the data: encoder and critic are then called with that too,
            as a vector (batch, `nn.conditions.width_of(given)`); the decoder is told the same.
    """

    def __init__(
        self,
        encoder: nn.Module,
        decoder: Observation,
        critic: nn.Module,
        latent: int,
        noise: int = 8,
        prior: Density | None = None,
        contrast: int = 8,
        turns: int = 1,
        given: Given = None,
    ):
        told_alike(given, decoder=decoder, prior=prior)
        super().__init__(decoder.space, given)
        self.encoder = encoder
        self._decode_by(decoder, prior, count("latent", latent))
        self.critic = critic
        self.latent, self.noise = latent, count("noise", noise)
        self.contrast, self.turns = count("contrast", contrast, 2), count("turns", turns)

    def encode(self, x: Tensor, *conditions: Tensor) -> Distribution:
        """q(z | x), which has no density."""
        h, c = self._seen(x, *conditions)
        return Implicit(self.encoder, h, self.latent, self.noise, c)

    def _seen(self, x: Tensor, *conditions: Tensor) -> tuple[Tensor, Tensor | None]:
        """What encoder and critic see of the data, and what they are told."""
        h = entered(self.space, x, self.dtype).flatten(1)
        return h, as_vector(self.given, conditions, self.dtype)

    def players(self) -> tuple[Player, ...]:
        """The critic, then the model."""
        model = nn.ModuleList([self.encoder, self.decoder, self.prior])
        critic = Player("critic", self.critic, self.critic_loss, turns=self.turns)
        return critic, Player("model", model, self.loss)

    def reference(self, x: Tensor, *conditions: Tensor) -> Independent:
        """r(z | x), a normal with the moments of draws from q(z | x), without gradients."""
        with torch.no_grad():
            z = self.encode(x, *conditions).rsample((self.contrast,))
        spread = z.std(0) if len(x) else z.sum(0)  # torch warns of the spread of no data
        return Side(Normal(z.mean(0), spread + 1e-3, validate_args=False))

    def ratio(self, z: Tensor, r: Independent, x: Tensor, *conditions: Tensor) -> Tensor:
        """T: the critic's log q(z|x) - log r(z|x), (batch,)."""
        whitened = (z - r.base_dist.loc) / r.base_dist.scale
        seen, c = self._seen(x, *conditions)
        return call(self.critic, torch.cat([seen, whitened], -1), c)[:, 0]

    def loss(self, x: Tensor, *conditions: Tensor) -> Terms:
        """{"distortion", "rate"}, each (batch,) in nats; the rate is the critic's estimate."""
        r, z = self.reference(x, *conditions), self.encode(x, *conditions).rsample()
        log_p = self.prior.log_prob(z, *heard(self.prior, conditions))
        rate = self.ratio(z, r, x, *conditions) + r.log_prob(z) - log_p
        return {"distortion": -self.decode(z, *conditions).log_prob(x), "rate": rate}

    def critic_loss(self, x: Tensor, *conditions: Tensor) -> Terms:
        """{"posterior", "contrast"}: cross-entropy of telling q from r."""
        with torch.no_grad():
            r, z = self.reference(x, *conditions), self.encode(x, *conditions).rsample()
            other = r.sample()
        posterior, contrast = (self.ratio(v, r, x, *conditions) for v in (z, other))
        return {"posterior": F.softplus(-posterior), "contrast": F.softplus(contrast)}


def dense_avb(
    space: Space,
    latent: int,
    width: int,
    noise: int = 4,
    layers: int = 1,
    turns: int = 1,
    classes: int = 0,
) -> AVB:
    """The same of perceptrons, all told one of `classes` labels where that is not 0."""
    given = told(classes)
    decoder, c = dense_decoder(space, latent, width, layers, given), width_of(given)
    encoder = MLP(space.dims + noise, latent, width, layers, c)
    critic = MLP(space.dims + latent, 1, width, layers, c)
    return AVB(encoder, decoder, critic, latent, noise, turns=turns, given=given)


@example(data="bars", slow=True)
def avb() -> AVB:
    """The smallest instance."""
    return dense_avb(Pixels(1, 4, 4, levels=2), latent=4, width=32, turns=3)


system("avb", lecture=11, title="Adversarial variational Bayes", paper="arXiv:1701.04722")
