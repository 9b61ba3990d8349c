"""What models with latents share: a decoder and a prior; an objective and bounds, all of one draw.

    log p(x | y) >= E_q[log p(x | z, y)] - KL(q(z | x, y) || p(z | y))

y is what the model is told (`given`), where it is told anything. Each part of a model hears it or
does not: a decoder that is told, with a prior that is not, is a model of style beside the label.

Learning Structured Output Representation using Deep Conditional Generative Models (Sohn, Lee & Yan,
2015), NeurIPS, eq. 4, for what is told; there the prior hears it too.
"""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor
from torch.distributions import Distribution

from ...core.contract import Density, Latent, Pushforward, Terms, Weighted
from ...core.given import heard
from ...core.spaces import Reals, count
from ...objectives.variational import Draw, Objective
from ...probability.decoders import Observation
from ...probability.priors import StandardNormal


class Variational(Weighted):
    """A model that is trained by its `objective`, which asks it to `draw`."""

    objective: Objective

    @abstractmethod
    def draw(self, x: Tensor, *conditions: Tensor, samples: int = 1) -> Draw:
        """`samples` latents for each datum at once, with log p(x|z), log q(z|x), log p(z), KL."""

    def loss(self, x: Tensor, *conditions: Tensor) -> Terms:
        """The objective's terms, in nats: {"distortion", "rate"} for the ELBO."""
        return self.objective(self, x, *conditions)

    def log_weights(self, x: Tensor, *conditions: Tensor, samples: int = 1) -> Tensor:
        """Log p(x, z) / q(z | x) for z ~ q, in nats, (samples, batch)."""
        return self.draw(x, *conditions, samples=samples).log_weights

    def elbo(self, x: Tensor, *conditions: Tensor, samples: int = 1) -> Tensor:
        """The bound in nats, (batch,), with the exact KL where there is one; beta is 1."""
        draw = self.draw(x, *conditions, samples=count("samples", samples))
        return draw.log_x.mean(0) - draw.rate.sum(1)


class Decoded(Latent, Pushforward):
    """A model whose data are decoded from one vector of latents, drawn from a prior.

    Decoder and prior are told what the model is told, or nothing.
    """

    decoder: Observation
    prior: Density

    def _decode_by(self, decoder: Observation, prior: Density | None, latent: int) -> None:
        """Takes the parts, N(0, I) for None. Raises ValueError for a prior over something else."""
        self.decoder, self.prior = decoder, prior or StandardNormal((latent,))
        if self.prior.space != Reals((latent,)):
            raise ValueError(f"the prior is over {self.prior.space}, not over {latent} reals")

    def decode(self, z: Tensor, *conditions: Tensor) -> Distribution:
        """p(x | z) for `z` (..., batch, latent) and conditions (batch, ...)."""
        told = self.told(z.shape[-2] if z.dim() > 1 else 1, *conditions)
        return self.decoder(z, *heard(self.decoder, told))

    def latents(self, n: int, *conditions: Tensor) -> Tensor:
        """`n` draws from the prior, (n, latent); one that is told takes `n` conditions."""
        return self.prior.sample(n, *heard(self.prior, conditions))

    def push(self, z: Tensor, *conditions: Tensor) -> Tensor:
        """The likeliest data under p(x | z)."""
        with torch.no_grad():
            return self.decode(z, *conditions).mode

    def sample(self, n: int, *conditions: Tensor) -> Tensor:
        """`n` data: z from the prior, x from p(x | z)."""
        return self.decode(self.latents(n, *conditions), *conditions).sample()
