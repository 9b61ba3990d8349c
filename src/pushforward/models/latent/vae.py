"""Variational autoencoders: a likelihood, a posterior and a prior, of any kinds.

    p(x) = integral p(x|z) p(z) dz
    log p(x) >= E_q(z|x)[ log p(x|z) ] - KL( q(z|x) || p(z) ) = -(distortion + rate)     (eq. 3)
    z = m(x) + s(x) * eps,  eps ~ N(0, I)                                                (eq. 4)

Inference becomes regression: a network guesses the posterior of any x at once, and because its
draws are smooth functions of noise, the guess is trained by plain gradients.

Auto-Encoding Variational Bayes (Kingma & Welling, 2014), arXiv:1312.6114; Stochastic
Backpropagation (Rezende, Mohamed & Wierstra, 2014), arXiv:1401.4082; with labels: Learning
Structured Output Representation (Sohn, Lee & Yan, 2015), NeurIPS, eq. 4.
Differs from the papers: nothing is fixed to be Gaussian. A prior is any `Density` over
Reals((latent,)) (a mixture, a VampPrior, a flow, an autoregressive model) and is trained along;
KL is exact between normals and estimated from the draws elsewhere.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from ...core.catalogue import example, system
from ...core.contract import Density, Player, Stage, keep_apart
from ...core.dataset import Alone, Batch, unchanged
from ...core.given import Given, agreed, heard, told
from ...core.spaces import Pixels, Space, Tokens, count
from ...nn.conditions import width_of
from ...nn.conv import ConvDecoder, ConvEncoder
from ...nn.mlp import MLP, EmbeddedMLP, FlatMLP
from ...objectives.variational import ELBO, Draw, Objective, VectorDraw
from ...probability.decoders import Decoder, Observation
from ...probability.discretized import usual_head
from ...probability.posteriors import DiagonalGaussian, Encoder, PosteriorHead, drawn
from .variational import Decoded, Variational

CHUNK = 2**20  # numbers of (draws, data, dims) that a processor's cache can hold


class VAE(Variational, Decoded):
    """A latent-variable model with an amortised posterior.

    It is told what its parts are told: `Encoder(..., given=Labels(10))` and a decoder that is told
    the same make a model of p(x | y). A part that is told nothing sees x or z alone; with a prior
    that is told, z too depends on y. `VAE(space)` has the usual parts.

    Args:
        encoder: q(z | x); `encoder(x)` is a reparametrised distribution over (latent,). Or a space:
            then encoder and decoder are `encoder_for(space, latent)` and `decoder_for(...)`.
        decoder: p(x | z); `decoder(z)` is a distribution over data of `decoder.space`.
        prior: p(z), a density over Reals((latent,)); N(0, I) where None.
        objective: what is minimised; the negative ELBO where None.
        latent: length of z, and
        classes: labels that both are told (0: none), where encoder is a space.

    Raises:
        ValueError: where the parts are of different spaces or told different things, or the
            objective asks too much.
    """

    def __init__(
        self,
        encoder: Encoder | Space,
        decoder: Observation | None = None,
        prior: Density | None = None,
        objective: Objective | None = None,
        latent: int = 32,
        classes: int = 0,
    ):
        if isinstance(encoder, Space):
            space, given = encoder, told(classes)
            encoder = encoder_for(space, latent, given=given)
            decoder = decoder or decoder_for(space, latent, given=given)
        if decoder is None:
            raise ValueError("a VAE needs a decoder beside its encoder, or a space in their place")
        given = agreed(encoder=encoder, decoder=decoder, prior=prior)
        super().__init__(decoder.space, given)
        if encoder.space != decoder.space:
            raise ValueError(f"the encoder reads {encoder.space}, not {decoder.space}")
        self.encoder = encoder
        self._decode_by(decoder, prior, encoder.latent)
        self.objective = objective or ELBO()
        self.objective.check(self.space, encoder.latent)

    def encode(self, x: Tensor, *conditions: Tensor) -> Distribution:
        """q(z | x): batch shape (batch,), event shape (latent,)."""
        return self.encoder(x, *heard(self.encoder, conditions))

    def draw(self, x: Tensor, *conditions: Tensor, samples: int = 1) -> Draw:
        """`samples` latents for each datum at once, with log p(x|z), log q(z|x), log p(z), KL."""
        conditions = self.told(len(x), *conditions)
        q = self.encode(x, *conditions)
        z, log_q = drawn(q, count("samples", samples))
        log_x = self._log_likelihood(z, x, *conditions)
        return VectorDraw(q, self.prior, z, log_x, log_q, heard(self.prior, conditions))

    def _log_likelihood(self, z: Tensor, x: Tensor, *conditions: Tensor) -> Tensor:
        """Log p(x | z), (samples, batch): of few draws at a time where no gradient needs them."""
        numbers = max(1, len(x) * self.space.dims)
        size = len(z) if torch.is_grad_enabled() else max(1, CHUNK // numbers)
        return torch.cat([self.decode(part, *conditions).log_prob(x) for part in z.split(size)])


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
        view = Alone(unchanged) if self.first.given is None else unchanged
        after = Stage("prior", self.prior.players(), self._drawn, 1 - self.share)
        return Stage("vae", players, view, self.share), after

    def _drawn(self, x: Tensor, *conditions: Tensor) -> Batch:
        z = self.encode(x, *conditions).sample()
        return (z, *heard(self.prior, conditions))


def encoder_for(
    space: Space, latent: int, width: int | None = None, given: Given = None
) -> Encoder:
    """The usual encoder: convolutions for images, else a perceptron; normals over z."""
    head = DiagonalGaussian(latent)
    if not isinstance(space, Pixels):
        return dense_encoder(space, head, width or 256, 2, given)
    network = ConvEncoder(space.shape, head.outputs, width or 32, width_of(given))
    return Encoder(network, space, head, given)


def decoder_for(
    space: Space, latent: int, width: int | None = None, given: Given = None
) -> Decoder:
    """The usual decoder: convolutions for images, else a perceptron; `usual_head(space)`."""
    if not isinstance(space, Pixels):
        return dense_decoder(space, latent, width or 256, 2, given)
    number = usual_head(space)
    shape = (space.channels * number.outputs, space.height, space.width)
    network = ConvDecoder(latent, shape, width or 32, width_of(given))
    return Decoder(network, space, number, given)


def dense(
    space: Space, latent: int, width: int, layers: int = 1, classes: int = 0, context: int = 0
) -> tuple[Encoder, Decoder]:
    """Perceptrons: a Gaussian encoder, and a decoder with the usual head of the space.

    Both are told one of `classes` labels and a vector `context` long, where those are not 0.
    """
    given = told(classes, context)
    return (
        dense_encoder(space, DiagonalGaussian(latent), width, layers, given),
        dense_decoder(space, latent, width, layers, given),
    )


def dense_encoder(
    space: Space, head: PosteriorHead, width: int, layers: int = 1, given: Given = None
) -> Encoder:
    """A perceptron that gives the parameters of a posterior of any kind."""
    sizes = (head.outputs, width, layers, width_of(given))
    if isinstance(space, Tokens):
        network: MLP = EmbeddedMLP(space.vocabulary, space.dims, *sizes)
    else:
        network = FlatMLP(space.dims, *sizes)
    return Encoder(network, space, head, given)


def dense_decoder(
    space: Space, latent: int, width: int, layers: int = 1, given: Given = None
) -> Decoder:
    """A perceptron with the usual head of the space."""
    number = usual_head(space)
    network = MLP(latent, space.dims * number.outputs, width, layers, width_of(given))
    return Decoder(network, space, number, given)


@example(data="bars?height=2")
def vae() -> VAE:
    """The smallest instance."""
    return VAE(*dense(Pixels(1, 2, 4, levels=2), latent=4, width=32))


@example(data="digits?labels=True&levels=2")
def conditional_vae() -> VAE:
    """The smallest class-conditional instance."""
    return VAE(*dense(Pixels(1, 8, 8, levels=2), latent=4, width=32, classes=10))


system("vae", lecture=3, title="Variational autoencoder", paper="arXiv:1312.6114")
system(
    "conditional-vae",
    lecture=11,
    title="Conditional VAE",
    paper="Sohn, Lee & Yan, 2015, NeurIPS",
)
