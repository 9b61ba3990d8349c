"""Adversarial variational Bayes: a posterior that can only be sampled.

    z = g(x, eps),   KL( q(z|x) || p(z) ) = E_q[ T(x, z) ],   T* = log q(z|x) - log p(z)     (eq. 4)
    T* is the best logit for telling (x, z ~ q) from (x, z ~ p)                        (prop. 1)
    adaptive contrast: r(z|x) = N(m(x), s(x)^2) with q's own moments stands between,
    KL = E_q[ log q - log r ] + E_q[ log r - log p ],   T sees (z - m) / s against N(0, I)   (eq. 7)

A posterior of any shape, because a critic learns the density ratio that no formula gives. Near q
the contrast is hard to tell from q, so the ratio is small and well estimated.

The two terms of eq. 7 add up to the KL for any r, as long as r is a function of x: so m and s are
the moments of g(x, e_i) over noise e_i that is the same for ever. With moments of n fresh draws,
of which the critic knows nothing, it would learn log q - log r of their mixture: too little by 1/n
nats a dimension.

Adversarial Variational Bayes (Mescheder, Nowozin & Geiger, 2017), arXiv:1701.04722, algorithm 1,
section 3.
Differs from the paper: moments of any network by fixed noise, where the paper writes them down for
networks that are linear in functions of the noise (its supplement); r is held fixed in each step.
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
from ...objectives.variational import prior_log_prob
from ...probability.decoders import Observation, together
from ...probability.posteriors import Side, entered
from .vae import dense_decoder
from .variational import Decoded

LEAST = 1e-3  # the smallest scale of a contrast


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
        shape = (*sample_shape, len(self.x), self.noise)
        return self.at(torch.randn(shape, device=self.x.device, dtype=self.x.dtype))

    def at(self, eps: Tensor) -> Tensor:
        """What the network makes of noise (..., batch, noise): latents (..., batch, latent)."""
        x = self.x.expand(*eps.shape[:-1], -1)
        seen, c = together(torch.cat([x, eps], -1), self.c)
        flat = None if c is None else c.flatten(0, -2)
        return call(self.network, seen.flatten(0, -2), flat).unflatten(0, seen.shape[:-1])


def even_noise(points: int, length: int) -> Tensor:
    """Standard normal noise, (points, length), the same whenever it is asked for.

    The points lie evenly (a scrambled Sobol sequence), with mean 0 and mean square 1 in every
    dimension, uncorrelated where there are enough of them: then the moments of a linear map are
    exact.
    """
    uniform = torch.quasirandom.SobolEngine(length, scramble=True, seed=0).draw(points)
    noise = torch.special.ndtri(uniform.double().clamp(1e-6, 1 - 1e-6))
    noise = noise - noise.mean(0)
    if points > 2 * length:
        q, r = torch.linalg.qr(noise)
        noise = q * r.diagonal().sign()
    return (noise / noise.square().mean(0).sqrt()).float()


class AVB(Decoded):
    """A VAE with an implicit posterior, and a critic for its rate.

    Args:
        encoder: (batch, space.dims + noise) -> (batch, latent); it sees pixels in [-1, 1].
        decoder: p(x | z).
        critic: (batch, space.dims + latent) -> (batch, 1).
        latent, noise: lengths of z and eps.
        prior: p(z); N(0, I) where None.
        contrast: points of noise that the contrast's moments are taken over, at least two.
        turns: of the critic, for each of the model's. One that is behind tells too small a rate,
            which the encoder then seeks out: see `metrics.rate_by_critic`.
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
        contrast: int = 32,
        turns: int = 4,
        given: Given = None,
    ):
        told_alike(given, decoder=decoder, prior=prior)
        super().__init__(decoder.space, given)
        self.encoder = encoder
        self._decode_by(decoder, prior, count("latent", latent))
        self.critic = critic
        self.latent, self.noise = latent, count("noise", noise)
        self.contrast, self.turns = count("contrast", contrast, 2), count("turns", turns)
        self.register_buffer("even", even_noise(self.contrast, self.noise), persistent=False)

    even: Tensor

    def encode(self, x: Tensor, *conditions: Tensor) -> Implicit:
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
        """r(z | x), a normal with the moments of q(z | x) at even noise, without gradients."""
        with torch.no_grad():
            noise = self.even[:, None].expand(-1, len(x), -1)
            z = self.encode(x, *conditions).at(noise)
        mean = z.mean(0)
        # not z.std: of an empty batch that is a warning
        scale = (z - mean).square().mean(0).sqrt().clamp_min(LEAST)
        return Side(Normal(mean, scale, validate_args=False))

    def ratio(self, z: Tensor, r: Independent, x: Tensor, *conditions: Tensor) -> Tensor:
        """T: the critic's log q(z|x) - log r(z|x) of latents (..., batch, latent), (..., batch)."""
        whitened = (z - r.base_dist.loc) / r.base_dist.scale
        seen, c = self._seen(x, *conditions)
        both, c = together(torch.cat([seen.expand(*z.shape[:-1], -1), whitened], -1), c)
        flat = None if c is None else c.flatten(0, -2)
        return call(self.critic, both.flatten(0, -2), flat)[:, 0].view(z.shape[:-1])

    def by_critic(self, x: Tensor, *conditions: Tensor, samples: int = 1) -> tuple[Tensor, Tensor]:
        """Distortion and rate in nats, (batch,) each: means over draws, the rate by the critic."""
        r, z = self.reference(x, *conditions), self.encode(x, *conditions).rsample((samples,))
        log_p = prior_log_prob(self.prior, z, heard(self.prior, conditions))
        rate = self.ratio(z, r, x, *conditions) + r.log_prob(z) - log_p
        return -self.decode(z, *conditions).log_prob(x).mean(0), rate.mean(0)

    def loss(self, x: Tensor, *conditions: Tensor) -> Terms:
        """{"distortion", "rate"}, each (batch,) in nats; the rate is the critic's estimate."""
        distortion, rate = self.by_critic(x, *conditions)
        return {"distortion": distortion, "rate": rate}

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
    turns: int = 4,
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
