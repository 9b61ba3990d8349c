"""Gaussian mixtures by expectation maximisation, and by gradient.

    log p(x) = log sum_k pi_k N(x; m_k, S_k)
    E:  r_nk = p(k | x_n) = pi_k N(x_n; m_k, S_k) / p(x_n)                         (Bishop 9.23)
    M:  N_k = sum_n r_nk,  m_k = sum_n r_nk x_n / N_k,  pi_k = N_k / N,            (9.24, 9.26)
        S_k = sum_n r_nk (x_n - m_k)(x_n - m_k)^T / N_k + regularisation I         (9.25)

Given who made each point, the best parameters are averages; given the parameters, who made each
point is Bayes' rule. Taking turns never lowers the likelihood.

Maximum Likelihood from Incomplete Data via the EM Algorithm (Dempster, Laird, Rubin, 1977);
equations of Pattern Recognition and Machine Learning (Bishop, 2006), chapter 9.
Differs from the books: `regularisation` (a variance) is added to every covariance's diagonal, so a
constant feature or a component on a single point stays finite; with it the likelihood may fall by
as much as the regularisation costs. Both steps are one pass over the data, in chunks.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...core.catalogue import example, system
from ...core.contract import Density, Generative, Player, Terms
from ...core.shares import number, total, whole
from ...core.spaces import Pixels, Reals, count
from ...probability.by_dimension import mixed, normal_log_prob
from ...probability.covariances import (
    Covariance,
    DiagonalCovariance,
    FullCovariance,
    Whitening,
)
from ...probability.seeding import distances, plus_plus
from ..flow.dequantized import DequantizedDensity

Shares = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
LEAST = 32  # data looked at together: sums for all components come with every part
CHUNK = 2**19  # numbers of (chunk, components, features) that stay in a processor's cache


class GMM(Density):
    """A mixture of Gaussians over Reals, learned by EM: give `Recipe(batch_size=None)`.

    The first update starts it by k-means++ on its batch. Data of any shape are flattened.

    Args:
        features: length of a datum, or its shape.
        components: how many Gaussians; at least as many points are needed.
        covariance: their family; `FullCovariance()` where None. Others are `TiedCovariance()`,
            `DiagonalCovariance()`, `SphericalCovariance()`.
        regularisation: variance added to each covariance's diagonal, in squared units of the data.

    Raises:
        ValueError: for a wrong argument; in training, for fewer points than components, numbers
            that are not finite, and a covariance that is singular in spite of the regularisation.
    """

    started: Tensor

    def __init__(
        self,
        features: int | tuple[int, ...],
        components: int = 8,
        covariance: Covariance | None = None,
        regularisation: float = 1e-6,
    ):
        space = Reals(features if isinstance(features, tuple) else (count("features", features),))
        super().__init__(space)
        if not 0 <= regularisation < math.inf:
            raise ValueError(f"regularisation must be a variance of 0 or more: {regularisation!r}")
        self.regularisation = regularisation
        self.covariance = covariance or FullCovariance()
        k, d = count("components", components), space.dims
        self.logits = nn.Parameter(torch.zeros(k))
        self.means = nn.Parameter(torch.randn(k, d))
        self.scale = nn.Parameter(torch.zeros(self.covariance.shape(k, d)))
        self.register_buffer("started", torch.zeros((), dtype=torch.bool))

    def log_prob(self, x: Tensor) -> Tensor:
        """Log p(x) in nats, (batch,)."""
        return self._joints(x).logsumexp(1)

    def log_prob_each(self, x: Tensor) -> Tensor:
        """Log p of each feature given those before it in nats, (batch, features).

        Every family's L is triangular, so that y_j is the noise of x_j given x_<j.
        """
        whiten, unit = self._whitening(), torch.eye(self.space.dims).to(self.means)
        y, slope = whiten(x.flatten(1)), whiten(unit) - whiten(torch.zeros_like(unit[:1]))
        log_slope = slope.diagonal(dim1=0, dim2=2).log()
        return mixed(self.logits, normal_log_prob(y) + log_slope)

    def responsibilities(self, x: Tensor) -> Tensor:
        """p(component | x), (batch, components)."""
        return self._joints(self.space.check(x)).softmax(1)

    def sample(self, n: int) -> Tensor:
        """A component, then its Gaussian."""
        which = torch.multinomial(self.logits.softmax(0), n, replacement=True)
        eps = torch.randn(n, self.space.dims, device=self.device, dtype=self.dtype)
        x = torch.empty_like(eps)
        for k in which.unique().tolist():
            x[which == k] = self._coloured(k, eps[which == k])
        return x.unflatten(1, self.space.shape)

    def players(self) -> tuple[Player, ...]:
        """One, who moves by EM."""
        return (Player("em", self, update=self.update),)

    @torch.no_grad()
    def update(self, x: Tensor) -> Terms:
        """One iteration of EM on all of `x`; {"nll": (batch,)} is that before the iteration."""
        x = self.space.check(x).flatten(1)
        self.start(x)

        def shares(part: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
            joint = self._joint(y)
            return joint.softmax(1), -joint.logsumexp(1)

        return {"nll": self._iterated(x, shares)}

    @torch.no_grad()
    def start(self, x: Tensor) -> None:
        """Unless it was started, puts components on the clusters that k-means++ seeds in `x`."""
        if self.started:
            return
        x, components = x.flatten(1), len(self.means)
        if number(x) < components:
            raise ValueError(
                f"{components} components need at least as many points, not {number(x):.0f}: lower "
                "`components`, or raise the batch size (None takes all data)"
            )
        self.means.copy_(plus_plus(whole(x), components))
        self.scale.zero_()
        self._gather(x)
        self.started.fill_(True)

    def _gather(self, x: Tensor) -> Tensor:
        """Gives every point to the nearest mean and maximises; squared distances, (batch,)."""

        def shares(part: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
            square, nearest = distances(part, self.means).min(1)
            return F.one_hot(nearest, len(self.means)).to(x.dtype), square

        return self._iterated(x, shares)

    def _iterated(self, x: Tensor, shares: Shares) -> Tensor:
        """Maximises with the shares r, and returns what else they say of each datum, (batch,)."""
        # Written in place: a list of small tensors, each between large ones that come and go, would
        # keep an allocator from ever joining what is free.
        told = x.new_empty(len(x))
        self._maximise(*self._moments(x, shares, told))
        return told

    def _moments(self, x: Tensor, shares: Shares, told: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Sums of r, r (x - m) and r y y^T over `x` (n, d), whose whitened form is y.

        `shares` gives r (n, K) for a part of x and of y, and what goes into `told` (n,); all parts
        are whitened in one place.
        """
        whiten, size = self._whitening(), self._part()
        room = x.new_empty(min(size, len(x)), *self.means.shape)
        counts = first = second = x.new_zeros(())
        centre = self.means.mean(0)
        for part, place in zip(x.split(size), told.split(size)):
            y = whiten(part, room[: len(part)])
            r, said = shares(part, y)
            place.copy_(said)
            # The products of less would be denormal numbers, which are slow.
            r = F.threshold(r, torch.finfo(r.dtype).tiny ** 0.5, 0.0)
            counts, first = counts + r.sum(0), first + r.T @ (part - centre)
            second = second + self.covariance.second_moment(y.mul_(r.sqrt()[..., None]))
        counts, first, second = total(counts), total(first), total(second)
        return counts, first - counts[:, None] * (self.means - centre), second

    def _whitening(self) -> Whitening:
        """How every component sees (batch, features): L_k^-1 (x - m_k), (batch, K, d)."""
        return self.covariance.whitening(self.scale, self.means)

    def _joints(self, x: Tensor) -> Tensor:
        """Log p(x, k) of data, (batch, K); without gradients, (batch, K, d) is held in parts."""
        whiten, x = self._whitening(), x.flatten(1)
        if torch.is_grad_enabled():
            return self._joint(whiten(x))
        room = x.new_empty(min(self._part(), len(x)), *self.means.shape)
        joint = x.new_empty(len(x), len(self.means))
        for part, place in zip(x.split(self._part()), joint.split(self._part())):
            place.copy_(self._joint(whiten(part, room[: len(part)])))
        return joint

    def _part(self) -> int:
        """How many data are looked at together."""
        return max(LEAST, CHUNK // self.means.numel())

    def _joint(self, y: Tensor) -> Tensor:
        """Log p(x, k), (batch, K), of what every component sees."""
        d = self.space.dims
        constant = self.covariance.log_det(self.scale, d) + d / 2 * math.log(2 * math.pi)
        # A norm squared reads y once; a sum of squares would write it first, at twice the time.
        square = torch.linalg.vector_norm(y, dim=-1).square()
        return self.logits.log_softmax(0) - constant - square / 2

    def _coloured(self, k: int, eps: Tensor) -> Tensor:
        scale = self.scale if len(self.scale) == 1 else self.scale[k : k + 1]
        return self.means[k] + self.covariance.colour(scale, eps[None])[0]

    def _maximise(self, counts: Tensor, first: Tensor, second: Tensor) -> None:
        counts = counts + 10 * torch.finfo(counts.dtype).eps  # a component may have no points
        means = self.means + first / counts[:, None]
        if not means.isfinite().all():
            raise ValueError("the data hold numbers that are not finite: leave those out")
        a = self._whitening()(means).diagonal().T  # of every new mean by its own component
        new = self.covariance.fit(self.scale, a, second, counts, self.regularisation)
        self.means.copy_(means)
        self.scale.copy_(new)
        self.logits.copy_(counts.log() - counts.sum().log())


class GradientGMM(GMM):
    """The same mixture from the same start, moved by gradient on -log p(x), on any batches."""

    def players(self) -> tuple[Player, ...]:
        """One, who moves by gradient."""
        return Generative.players(self)

    def loss(self, x: Tensor) -> Terms:
        """{"nll": (batch,)} in nats; the first batch of a training starts the components."""
        if self.training:
            self.start(x)
        return super().loss(x)


@example(data="moons")
def gmm() -> GMM:
    """The smallest instance."""
    return GMM(2, components=4)


@example(data="moons")
def gradient_gmm() -> GradientGMM:
    """The same by gradient."""
    return GradientGMM(2, components=4, covariance=DiagonalCovariance())


@example(data="digits")
def gmm_of_pixels() -> DequantizedDensity:
    """A mixture of images: EM on the logits of dequantised integers."""
    space = Pixels(1, 8, 8, levels=17)
    return DequantizedDensity(GMM(space.shape, components=2, regularisation=0.05), space)


system("gmm", lecture=2, title="Gaussian mixture", paper="Bishop, 2006, chapter 9")
system("em", lecture=3, title="Expectation maximisation", paper="Dempster et al., 1977")
