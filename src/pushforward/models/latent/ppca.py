"""Probabilistic PCA: a linear map of Gaussian latents, by EM and in closed form.

    z ~ N(0, I),   x | z ~ N(W z + m, s2 I),   p(x) = N(m, C),   C = W W^T + s2 I
    closed form   W = U (L - s2 I)^1/2,  s2 = mean of the eigenvalues left out       (eqs. 7-8)
    EM            M = W^T W + s2 I,   Z = X W M^-1                                    (eq. 25)
                  W' = (X^T Z / n) (s2 M^-1 + Z^T Z / n)^-1                    (eqs. 26 and 27)
                  s2' = trace(S - (X^T Z / n) W'^T) / d                              (eq. 30)

where X (n, d) are the data without their mean, S = X^T X / n is their covariance, U and L its
leading eigenvectors and eigenvalues. The VAE with a linear encoder and decoder is this model, and
its best bound is this likelihood.

Probabilistic Principal Component Analysis (Tipping & Bishop, 1999), JRSS B 61.
Differs: none; scikit-learn's PCA.score divides by n - 1 where this divides by n.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, Independent, MultivariateNormal, Normal

from ...core.catalogue import example, system
from ...core.contract import Density, Generative, Latent, Player, Pushforward, Terms
from ...core.shares import mean, number, total
from ...core.spaces import Reals, count
from ...probability.priors import StandardNormal

_FLAT = (
    "the data lie in a subspace of the latent's size, so the likelihood has no maximum: "
    "lower `latent`, or give more examples than it"
)


class PPCA(Density, Latent, Pushforward):
    """A Gaussian with a low-rank covariance, moved by EM: give `Recipe(batch_size=None)`.

    Args:
        features: length of a datum, or its shape.
        latent: length of z, less than the numbers of a datum.

    Raises:
        ValueError: for a wrong argument; in training, for data of less rank than the latent.
    """

    started: Tensor

    def __init__(self, features: int | tuple[int, ...], latent: int):
        shape = features if isinstance(features, tuple) else (count("features", features),)
        super().__init__(Reals(shape))
        features = self.space.dims
        if count("latent", latent) >= features:
            raise ValueError(f"latent must be less than the {features} features, not {latent}")
        self.mean = nn.Parameter(torch.zeros(features))
        self.weight = nn.Parameter(torch.randn(features, latent) / math.sqrt(latent))
        self.log_noise = nn.Parameter(torch.zeros(()))
        self.register_buffer("started", torch.zeros((), dtype=torch.bool))

    @property
    def prior(self) -> StandardNormal:
        """N(0, I) over z."""
        return StandardNormal((self.weight.shape[1],)).to(self.weight)

    @property
    def noise(self) -> Tensor:
        """The variance s2 that is left to every feature."""
        return self.log_noise.exp()

    def players(self) -> tuple[Player, ...]:
        """One, who moves by EM."""
        return (Player("em", self, update=self.update),)

    def log_prob(self, x: Tensor) -> Tensor:
        """Log N(x; m, C) in nats, (batch,), with inverses of the latent's size only."""
        d, k = self.weight.shape
        root = self._root()
        centred = x.flatten(1) - self.mean
        seen = _divided(centred @ self.weight, root)
        square = (centred.square().sum(1) - seen.square().sum(1)) / self.noise
        log_det = 2 * root.diagonal().abs().log().sum() + (d - k) * self.log_noise
        return -(square + log_det + d * math.log(2 * math.pi)) / 2

    @torch.no_grad()
    def update(self, x: Tensor) -> Terms:
        """One iteration of EM on all of `x`; {"nll": (batch,)} is that before it."""
        x = self.space.check(x)
        centred, mean = _centred(x.flatten(1))
        self.mean.copy_(mean)
        if not self.started:
            self._start(centred)
        nll = -self.log_prob(x)
        self._maximise(centred)
        return {"nll": nll}

    def _start(self, centred: Tensor) -> None:
        """Takes the data's scale."""
        variance = mean(centred.square()).mean()
        self.weight.mul_(variance.sqrt())
        self.log_noise.copy_(variance.log())
        self.started.fill_(True)

    def _maximise(self, centred: Tensor) -> None:
        n, d = number(centred), centred.shape[1]
        root = self._root()
        z = _divided(_divided(centred @ self.weight, root), root.mT, upper=False)
        within = self._posterior(root) + total(z.T @ z) / n  # E z z^T: near I, whatever rank W has
        across = total(centred.T @ z) / n  # E x z^T
        new = torch.cholesky_solve(across.T, torch.linalg.cholesky(within)).T
        all_ = total(centred.square().sum()) / n
        left = _beyond_rounding(all_ - (across * new).sum(), all_, n + d)
        self.weight.copy_(new)
        self.log_noise.copy_((left / d).log())

    @torch.no_grad()
    def solve(self, x: Tensor) -> PPCA:
        """The maximum of the likelihood of `x`, (batch, features), at once. Returns itself."""
        centred, mean = _centred(self.space.check(x).flatten(1))
        latent = self.weight.shape[1]
        values, vectors = torch.linalg.eigh(centred.T @ centred / len(x))
        d = len(values)
        left = _beyond_rounding(values[:-latent].sum(), values.sum(), len(x) + d)
        noise = left / (d - latent)
        top, axes = values[-latent:].flip(0), vectors[:, -latent:].flip(1)
        self.mean.copy_(mean)
        self.weight.copy_(axes * (top - noise).clamp_min(0).sqrt())
        self.log_noise.copy_(noise.log())
        self.started.fill_(True)
        return self

    def encode(self, x: Tensor) -> Distribution:
        """The exact posterior N(M^-1 W^T (x - m), s2 M^-1)."""
        root = self._root()
        seen = (self.space.check(x).flatten(1) - self.mean) @ self.weight
        mean = _divided(_divided(seen, root), root.mT, upper=False)
        return MultivariateNormal(mean, self._posterior(root), validate_args=False)

    def decode(self, z: Tensor) -> Distribution:
        """N(W z + m, s2 I)."""
        scale = (self.log_noise / 2).exp()
        normal = Normal(self.push(z), scale, validate_args=False)
        return Independent(normal, len(self.space.shape))

    def latents(self, n: int) -> Tensor:
        """`n` draws from N(0, I), (n, latent)."""
        return torch.randn(n, self.weight.shape[1], device=self.device, dtype=self.dtype)

    def push(self, z: Tensor) -> Tensor:
        """W z + m, in the shape of data."""
        return (z @ self.weight.T + self.mean).unflatten(-1, self.space.shape)

    def sample(self, n: int) -> Tensor:
        """`n` data."""
        return self.decode(self.latents(n)).sample()

    def _root(self) -> Tensor:
        """R, upper triangular, with R^T R = M: of W itself, since M holds half of its digits."""
        eye = torch.eye(self.weight.shape[1], device=self.device, dtype=self.dtype)
        return torch.linalg.qr(torch.cat([self.weight, self.noise.sqrt() * eye])).R

    def _posterior(self, root: Tensor) -> Tensor:
        """s2 M^-1, the covariance of z given x."""
        half = _divided((self.log_noise / 2).exp() * torch.eye(len(root)).to(root), root)
        return half @ half.T


def _divided(x: Tensor, root: Tensor, upper: bool = True) -> Tensor:
    """`x` root^-1."""
    return torch.linalg.solve_triangular(root, x, upper=upper, left=False)


def _centred(x: Tensor) -> tuple[Tensor, Tensor]:
    """Data without their mean, and that. Raises ValueError where all of them are one point."""
    centre = mean(x)
    if not centre.isfinite().all():
        raise ValueError("the data hold numbers that are not finite: leave those out")
    centred = x - centre
    rest = mean(centred)  # the rounding of the mean: without it a constant feature is not 0
    centred -= rest
    spread = mean(centred.square()).sqrt()
    if not (spread > torch.finfo(x.dtype).eps * centre.abs()).any():
        raise ValueError(_FLAT)
    return centred, centre + rest


def _beyond_rounding(left: Tensor, whole: Tensor, terms: float) -> Tensor:
    """What is `left` of the variance `whole`; ValueError where it could be rounding alone.

    It comes of some eight sums of `terms` numbers at most, each off by about sqrt(terms) eps / 2
    of itself. Which way they are off is the processor's choice.
    """
    if not left > 4 * torch.finfo(left.dtype).eps * math.sqrt(terms) * whole:
        raise ValueError(_FLAT)
    return left


class GradientPPCA(PPCA):
    """The same Gaussian, moved by gradient on -log p(x), on any batches."""

    def players(self) -> tuple[Player, ...]:
        """One, who moves by gradient."""
        return Generative.players(self)


@example(data="moons")
def gradient_ppca() -> GradientPPCA:
    """The same by gradient."""
    return GradientPPCA(2, latent=1)


@example(data="moons")
def ppca() -> PPCA:
    """The smallest instance."""
    return PPCA(2, latent=1)


system("ppca", lecture=3, title="Probabilistic PCA", paper="Tipping & Bishop, 1999")
