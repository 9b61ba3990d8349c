"""Variational autoencoders: a likelihood, a posterior and a prior, of any kinds.

    p(x) = integral p(x|z) p(z) dz
    log p(x) >= E_q(z|x)[ log p(x|z) ] - KL( q(z|x) || p(z) ) = -(distortion + rate)     (eq. 3)
    z = m(x) + s(x) * eps,  eps ~ N(0, I)                                                (eq. 4)

Inference becomes regression: a network guesses the posterior of any x at once, and because its
draws are smooth functions of noise, the guess is trained by plain gradients.

Auto-Encoding Variational Bayes (Kingma & Welling, 2014), arXiv:1312.6114; Stochastic
Backpropagation (Rezende, Mohamed & Wierstra, 2014), arXiv:1401.4082.
Differs from the papers: nothing is fixed to be Gaussian. A prior is any `Density` over
Reals((latent,)) (a mixture, a VampPrior, a flow, an autoregressive model) and is trained along;
KL is exact between normals and estimated from the draws elsewhere.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from ...core.catalogue import example, system
from ...core.contract import Density, Latent, Player, Pushforward, Stage, keep_apart
from ...core.dataset import Batch
from ...core.spaces import Pixels, Reals, Space, count
from ...nn.mlp import MLP, FlatMLP
from ...objectives.variational import ELBO, Draw, Objective, VectorDraw
from ...probability.decoders import Decoder, Observation
from ...probability.heads import head_for
from ...probability.posteriors import DiagonalGaussian, Encoder, drawn
from ...probability.priors import StandardNormal
from .variational import Variational

CHUNK = 2**20  # numbers of (draws, data, dims) that a processor's cache can hold


class VAE(Variational, Latent, Pushforward):
    """A latent-variable model with an amortised posterior.

    Args:
        encoder: q(z | x); `encoder(x)` is a reparametrised distribution over (latent,).
        decoder: p(x | z); `decoder(z)` is a distribution over data of `decoder.space`.
        prior: p(z), a density over Reals((latent,)); N(0, I) where None.
        objective: what is minimised; the negative ELBO where None.

    Raises:
        ValueError: where the parts are of different spaces, or the objective asks too much.
    """

    def __init__(
        self,
        encoder: Encoder,
        decoder: Observation,
        prior: Density | None = None,
        objective: Objective | None = None,
    ):
        super().__init__(decoder.space)
        if encoder.space != decoder.space:
            raise ValueError(f"the encoder reads {encoder.space}, not {decoder.space}")
        self.encoder, self.decoder = encoder, decoder
        self.prior = prior or StandardNormal((encoder.latent,))
        if self.prior.space != Reals((encoder.latent,)):
            raise ValueError(
                f"the prior is over {self.prior.space}, not over {encoder.latent} reals"
            )
        self.objective = objective or ELBO()
        self.objective.check(self.space, encoder.latent)

    def encode(self, x: Tensor) -> Distribution:
        """q(z | x): batch shape (batch,), event shape (latent,)."""
        return self.encoder(self.space.check(x))

    def decode(self, z: Tensor) -> Distribution:
        """p(x | z) for `z` (..., latent)."""
        return self.decoder(z)

    def draw(self, x: Tensor, samples: int = 1) -> Draw:
        """`samples` latents for each datum at once, with log p(x|z), log q(z|x), log p(z), KL."""
        q = self.encode(x)
        z, log_q = drawn(q, count("samples", samples))
        return VectorDraw(q, self.prior, z, self._log_likelihood(z, x), log_q)

    def _log_likelihood(self, z: Tensor, x: Tensor) -> Tensor:
        """Log p(x | z), (samples, batch): of few draws at a time where no gradient needs them."""
        numbers = max(1, len(x) * self.space.dims)
        size = len(z) if torch.is_grad_enabled() else max(1, CHUNK // numbers)
        return torch.cat([self.decode(part).log_prob(x) for part in z.split(size)])

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


class TwoStageVAE(VAE):
    """A VAE against N(0, I), whose prior is then fitted to the aggregated posterior.

    From Variational to Deterministic Autoencoders (Ghosh et al., 2020), arXiv:1903.12436, sec. 4.

    Args:
        encoder, decoder, prior, objective: as for `VAE`; the prior learns by its own players.
        share: of the steps, for the first stage.
    """

    def __init__(
        self,
        encoder: Encoder,
        decoder: Observation,
        prior: Density,
        objective: Objective | None = None,
        share: float = 0.5,
    ):
        super().__init__(encoder, decoder, prior, objective)
        if not 0 < share < 1:
            raise ValueError(f"share must be between 0 and 1, not {share!r}")
        keep_apart(nn.ModuleList([encoder, decoder]), prior)
        self.share = share
        self.first = VAE(encoder, decoder, objective=self.objective)

    def stages(self) -> tuple[Stage, ...]:
        """The VAE, then its prior on draws from q(z | x)."""
        players = (Player("vae", self.first, self.first.loss),)
        after = Stage("prior", self.prior.players(), self._drawn, 1 - self.share)
        return Stage("vae", players, share=self.share), after

    def _drawn(self, x: Tensor) -> Batch:
        return (self.encode(x).sample(),)


def dense(space: Space, latent: int, width: int, layers: int = 1) -> tuple[Encoder, Decoder]:
    """Perceptrons: a Gaussian encoder, and a decoder with the plainest head of the space."""
    head, number = DiagonalGaussian(latent), head_for(space)
    encoder = Encoder(FlatMLP(space.dims, head.outputs, width, layers), space, head)
    return encoder, Decoder(MLP(latent, space.dims * number.outputs, width, layers), space, number)


@example(data="bars?height=2")
def vae() -> VAE:
    """The smallest instance."""
    return VAE(*dense(Pixels(1, 2, 4, levels=2), latent=4, width=32))


system("vae", lecture=3, title="Variational autoencoder", paper="arXiv:1312.6114")
