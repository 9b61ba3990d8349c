"""A Gaussian mixture of images: EM on pixels to which uniform noise is added.

    log P(x) >= E_u[ log p((x + u) / L) ] - D log L,    u ~ U[0, 1)^D,  L levels, D pixels

A density of real numbers on integers would grow without bound; the noise spreads every integer over
its unit cell, and the bound on its probability is what EM raises.

A note on the evaluation of generative models (Theis et al., 2016), arXiv:1511.01844, section 3.1.
Differs: the mixture's mass outside [0, 1)^D is lost, which only loosens the bound.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ...core.catalogue import example
from ...core.contract import Player, Terms, Weighted
from ...core.spaces import Pixels, count
from .gmm import GMM


class PixelGMM(Weighted):
    """A mixture over `Pixels`, learned by EM with fresh noise in each iteration.

    Args:
        mixture: a GMM over Reals(space.shape), in units where pixels are in [0, 1).
        space: of the images.
    """

    space: Pixels

    def __init__(self, mixture: GMM, space: Pixels):
        super().__init__(space)
        if mixture.space.shape != space.shape:
            raise ValueError(f"the mixture is over {mixture.space}, not over the shape of {space}")
        self.mixture = mixture

    def players(self) -> tuple[Player, ...]:
        """One, who moves by EM."""
        return (Player("em", self.mixture, update=self.update),)

    def update(self, x: Tensor) -> Terms:
        """One iteration of EM; {"negative_elbo": (batch,)} in nats is that before it."""
        terms = self.mixture.update(self._noisy(self.space.check(x)))
        return {"negative_elbo": terms["nll"] + self._log_volume}

    def log_weights(self, x: Tensor, samples: int = 1) -> Tensor:
        """Log p((x + u) / L) - D log L, in nats, (samples, batch)."""
        noisy = self._noisy(torch.cat([x] * count("samples", samples)))
        return (self.mixture.log_prob(noisy) - self._log_volume).unflatten(0, (samples, -1))

    def sample(self, n: int) -> Tensor:
        """`n` images."""
        top = self.space.levels
        return (self.mixture.sample(n) * top).floor().clamp(0, top - 1).to(torch.uint8)

    def _noisy(self, x: Tensor) -> Tensor:
        noise = torch.rand(x.shape, device=x.device, dtype=self.dtype)
        return (x + noise) / self.space.levels

    @property
    def _log_volume(self) -> float:
        return self.space.dims * math.log(self.space.levels)


@example(data="digits")
def pixel_gmm() -> PixelGMM:
    """The smallest instance."""
    return PixelGMM(GMM((1, 8, 8), components=2, regularisation=1e-2), Pixels(1, 8, 8, 17))
