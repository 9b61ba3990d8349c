"""VQ-VAE: an autoencoder through a codebook.

    L = -log p(x | z_q(x)) + beta |z_e(x) - sg[z_q(x)]|^2,    z_q(x) = nearest codewords to z_e(x)

The posterior is a point: an image *is* a grid of codes. So there is no noise to average over and no
posterior to collapse, and the bound

    log p(x) >= log p(z_q(x)) + log p(x | z_q(x))

has one term for what the codes cost and one for what they leave open. Until a prior has learned the
codes (`TwoStage`), it is uniform: each costs log K nats.

Neural Discrete Representation Learning (van den Oord, Vinyals and Kavukcuoglu, 2017),
arXiv:1711.00937, eq. 3 with the codebook moved as in appendix A.1. Differs from the paper: the
likelihood is a distribution over the integers (categorical, or discretised logistics), so that the
bound is one in nats of data; the paper's pixel term is a Gaussian of fixed variance.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from ...core.catalogue import example, system
from ...core.contract import Player, Terms
from ...core.given import told
from ...core.spaces import Pixels, Space, Tokens
from ...nn.conditions import as_vector
from ...nn.resnet import ResidualDecoder, ResidualEncoder
from ...nn.sums import per_example
from ...probability.codebooks import FiniteScalarQuantiser
from ...probability.discretized import usual_head
from ...probability.heads import Head
from ...probability.quantisation import Quantiser, VectorQuantiser
from .adversary import Adversary, Challenged


class VQVAE(Challenged):
    """Images as grids of codes, with a uniform prior over them.

    Args:
        space: images.
        quantiser: the codebook, or several (`probability/codebooks.py`).
        width: channels of the networks.
        halvings: of the sides: 8 -> 4 with one, 28 -> 7 and 32 -> 8 with two.
        blocks: residual blocks in either network.
        commitment: beta.
        head: the likelihood of a pixel; by default `usual_head(space)`.
        classes: labels that both networks are told, so that codes need not say them; 0 is none.
        adversary: a critic of its reconstructions and features that should agree (`vqgan.py`).

    Raises ValueError for an adversary, or a head, that cannot play.

    `tokens` is the space of its codes in raster order, what a prior has to learn; `grid` is their
    (height, width). Where several codes stand at a place, they lie side by side in its row.
    """

    space: Pixels

    def __init__(
        self,
        space: Space,
        quantiser: Quantiser,
        width: int = 128,
        halvings: int = 2,
        blocks: int = 2,
        commitment: float = 0.25,
        head: Head | None = None,
        classes: int = 0,
        adversary: Adversary | None = None,
    ):
        if not isinstance(space, Pixels):
            raise ValueError(f"a VQVAE encodes images, not {space}")
        super().__init__(space, told(classes))
        self.head = (head or usual_head(space)).check(space)
        self.challenge(adversary)
        self.quantiser, self.commitment = quantiser, commitment
        shape = (space.channels * self.head.outputs, space.height, space.width)
        self.autoencoder = Autoencoder(
            ResidualEncoder(space.shape, quantiser.features, width, halvings, blocks, classes),
            ResidualDecoder(quantiser.features, shape, width, halvings, blocks, classes),
        )
        self.places = self.autoencoder.encoder.grid
        self.grid = (self.places[0], self.places[1] * quantiser.books)
        self.tokens = Tokens(math.prod(self.grid), quantiser.codes)

    def check_examples(self, n: int) -> None:
        """Raises ValueError where the codebook is larger than so few images fill."""
        self.quantiser.check_vectors(n * math.prod(self.places))

    def players(self) -> tuple[Player, ...]:
        """The networks, by gradient; the codebook, by moving averages; then a critic's, if any."""
        codec = Player("autoencoder", self.autoencoder, self.loss)
        codebook = Player("codebook", self.quantiser, update=self.update)
        return codec, codebook, *self._critics()

    @property
    def _last(self) -> Tensor:
        return self.autoencoder.decoder.leave.weight

    def _reconstructed(self, x: Tensor, *conditions: Tensor) -> tuple[Tensor, Terms]:
        z = self.features(x, *conditions)
        quantised = self.quantiser(z)
        apart = self.commitment * per_example(self.quantiser.apart(z, quantised))
        return self._describe(quantised, *conditions), {"commitment": apart}

    def diagnostics(self, x: Tensor, *conditions: Tensor) -> Terms:
        """{"codes": the share that is used, "perplexity"}, () each, by the moving averages."""
        return self.quantiser.diagnostics()

    def update(self, x: Tensor, *conditions: Tensor) -> Terms:
        """Moves the codebook: quantisation error, perplexity and restarts of the batch."""
        return self.quantiser.update(self.features(x, *conditions))

    def features(self, x: Tensor, *conditions: Tensor) -> Tensor:
        """z_e(x): what is quantised, (batch, *grid, features)."""
        seen, c = self.space.to_signed(x, self.dtype), self._vector(len(x), *conditions)
        return self.autoencoder.encoder(seen, c).movedim(1, -1)

    def encode(self, x: Tensor, *conditions: Tensor) -> Tensor:
        """The codes of images: int64 (batch, length) in raster order, data of `tokens`."""
        return self.quantiser.nearest(self.features(x, *conditions)).flatten(1)

    def decode(self, codes: Tensor, *conditions: Tensor) -> Distribution:
        """p(x | codes), over single pixel values (batch, channels, height, width)."""
        return self.head(self._describe(self._codewords(codes), *conditions))

    def log_prob_given(self, x: Tensor, codes: Tensor, *conditions: Tensor) -> Tensor:
        """log p(x | codes) in nats, (batch,)."""
        return self._log_prob(x, self._codewords(codes), *conditions)

    def draw(self, codes: Tensor, *conditions: Tensor) -> Tensor:
        """Images drawn from p(x | codes), uint8."""
        return self.decode(codes, *conditions).sample().to(torch.uint8)

    def _vector(self, n: int, *conditions: Tensor) -> Tensor | None:
        return as_vector(self.given, self.told(n, *conditions), self.dtype)

    def _codewords(self, codes: Tensor) -> Tensor:
        books = (self.quantiser.books,) if self.quantiser.books > 1 else ()
        placed = self.tokens.check(codes, "codes").unflatten(1, (*self.places, *books))
        return self.quantiser.lookup(placed)

    def _describe(self, quantised: Tensor, *conditions: Tensor) -> Tensor:
        """The head's parameters (batch, *space.shape, outputs)."""
        c = self._vector(len(quantised), *conditions)
        h = self.autoencoder.decoder(quantised.movedim(-1, 1), c)
        return h.unflatten(1, (self.space.channels, -1)).movedim(2, -1)

    def _log_prob(self, x: Tensor, quantised: Tensor, *conditions: Tensor) -> Tensor:
        return -self._distortion(x, self._describe(quantised, *conditions))

    def elbo(self, x: Tensor, *conditions: Tensor, samples: int = 1) -> Tensor:
        """log p(x | codes) - length log K, (batch,): q is a point, so that `samples` are equal."""
        uniform = self.tokens.length * math.log(self.tokens.vocabulary)
        return self.log_prob_given(x, self.encode(x, *conditions), *conditions) - uniform

    def sample(self, n: int, *conditions: Tensor) -> Tensor:
        """`n` images for codes drawn uniformly: hardly images, before a prior has learned."""
        shape = (n, *self.tokens.shape)
        codes = torch.randint(self.tokens.vocabulary, shape, device=self.device)
        return self.draw(codes, *conditions)


class Autoencoder(nn.Module):
    """The two networks that the gradient moves."""

    def __init__(self, encoder: ResidualEncoder, decoder: ResidualDecoder):
        super().__init__()
        self.encoder, self.decoder = encoder, decoder


system("vq-vae", lecture=12, title="Vector-quantised autoencoder", paper="arXiv:1711.00937")


@example(data="bars")
def vq_vae() -> VQVAE:
    """The smallest instance: its bound can be summed over all images."""
    return VQVAE(Pixels(1, 4, 4, levels=2), VectorQuantiser(8, 4), width=8, halvings=1, blocks=1)


@example(data="bars")
def fsq_vae() -> VQVAE:
    """The same by two scalars of 4 and 3 levels."""
    quantiser = FiniteScalarQuantiser((4, 3))
    return VQVAE(Pixels(1, 4, 4, levels=2), quantiser, width=8, halvings=1, blocks=1)
