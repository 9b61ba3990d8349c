"""VampPrior: a prior that is a mixture of posteriors of learned pseudo-inputs.

    p(z) = (1/K) sum_k q(z | u_k)                                                       (eq. 9)

The prior that maximises the ELBO is the aggregated posterior (1/N) sum_n q(z | x_n); K learned
inputs stand for the N data. It shares the encoder, so it moves with the posterior.

VAE with a VampPrior (Tomczak & Welling, 2018), arXiv:1705.07120.
Differs from the paper: pseudo-inputs of images are kept in [-1, 1] by clamping, start spread over
it, or on data through `start`.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.distributions import Categorical, Distribution, MixtureSameFamily

from ...core.catalogue import example, system
from ...core.contract import Density
from ...core.spaces import Pixels, Reals, count
from ...probability.posteriors import Encoder
from .vae import VAE, dense

CHUNK = 2**24  # numbers of (latents, components, latent) at a time


class VampPrior(Density):
    """A density over Reals((latent,)); give it the encoder of the VAE that it serves.

    Args:
        encoder: the very object that the VAE has; a checkpoint keeps the tie.
        components: pseudo-inputs K.
    """

    def __init__(self, encoder: Encoder, components: int = 500):
        super().__init__(Reals((encoder.latent,)))
        shape = (count("components", components), *encoder.space.shape)
        if not isinstance(encoder.space, Pixels | Reals):
            raise ValueError(f"pseudo-inputs are real numbers: the encoder reads {encoder.space}")
        self.encoder = encoder
        self.pseudo_inputs = nn.Parameter(torch.rand(shape) * 2 - 1)

    @torch.no_grad()
    def start(self, x: Tensor) -> VampPrior:
        """Puts the pseudo-inputs on data, the first K of `x`. Returns itself."""
        if len(x) < len(self.pseudo_inputs):
            raise ValueError(f"{len(self.pseudo_inputs)} data must be given, not {len(x)}")
        chosen = self.encoder.space.check(x)[: len(self.pseudo_inputs)]
        self.pseudo_inputs.copy_(self.encoder.enter(chosen))
        return self

    @property
    def mixture(self) -> Distribution:
        """The mixture of posteriors, as a torch distribution."""
        pixels = isinstance(self.encoder.space, Pixels)
        seen = self.pseudo_inputs.clamp(-1, 1) if pixels else self.pseudo_inputs
        equal = Categorical(logits=seen.new_zeros(len(seen)), validate_args=False)
        return MixtureSameFamily(equal, self.encoder.describe(seen), validate_args=False)

    def log_prob(self, x: Tensor) -> Tensor:
        """Log p(z) in nats, (batch,), for latents `x`."""
        mixture, size = self.mixture, len(self.pseudo_inputs) * self.space.dims
        parts = x.split(max(1, CHUNK // size))
        return torch.cat([mixture.log_prob(part) for part in parts])

    def sample(self, n: int) -> Tensor:
        """`n` latents, (n, latent)."""
        return self.mixture.sample((n,))


@example(data="bars?height=2")
def vampprior() -> VAE:
    """The smallest instance."""
    encoder, decoder = dense(Pixels(1, 2, 4, levels=2), latent=2, width=32)
    return VAE(encoder, decoder, VampPrior(encoder, 8))


system("vampprior", lecture=7, title="VampPrior", paper="arXiv:1705.07120")
