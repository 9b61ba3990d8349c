"""Posterior heads: how a network's outputs become q(z | x), a distribution over vectors.

    diagonal   z = m + s * eps             full   z = m + L eps,      eps ~ N(0, I)
    delta      the diagonal one with s <= s*, so that KL(q || N(0, I)) >= delta in every dimension
    flow       z = g(z_0; h),  z_0 diagonal:  log q(z) = log q_0(z_0) - log|det dg/dz_0|

All can be reparametrised: `rsample` is a smooth function of noise and the network's outputs.

Auto-Encoding Variational Bayes (Kingma & Welling, 2014), arXiv:1312.6114, section 2.4 and appendix
C; Preventing Posterior Collapse with delta-VAEs (Razavi et al., 2019), arXiv:1901.03416, section 2;
Variational Inference with Normalizing Flows (Rezende & Mohamed, 2015), arXiv:1505.05770, eq. 15.
Differs from the delta-VAE paper: the prior is N(0, I), without correlation over time, so the rate
is committed by an upper limit on s alone.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, Independent, MultivariateNormal, Normal

from ..core.blueprint import Component
from ..core.given import Given
from ..core.spaces import Pixels, Space, count
from ..nn.conditions import as_vector, call
from .bijections.bijection import Bijection, Chain
from .by_dimension import log_prob_each
from .heads import precise, scale_of

LEAST = 1e-4  # the smallest scale: a posterior narrower than that is a point in float32


class PosteriorHead(Component, ABC):
    """`outputs` numbers of a network to a distribution over vectors of length `latent`."""

    def __init__(self, latent: int, outputs: int):
        super().__init__()
        self.latent, self.outputs = count("latent", latent), outputs

    @abstractmethod
    def forward(self, parameters: Tensor) -> Distribution:
        """q for `parameters` (..., outputs): batch shape (...), event shape (latent,)."""


class DiagonalGaussian(PosteriorHead):
    """Independent normals: a mean and a scale for every dimension."""

    def __init__(self, latent: int):
        super().__init__(latent, 2 * latent)

    def forward(self, parameters: Tensor) -> Distribution:
        """Independent normals."""
        mean, scale = precise(parameters).chunk(2, -1)
        return Independent(Normal(mean, scale_of(scale, LEAST), validate_args=False), 1)


class FullGaussian(PosteriorHead):
    """A normal with a full covariance, given by its Cholesky factor."""

    def __init__(self, latent: int):
        super().__init__(latent, latent + latent * (latent + 1) // 2)
        row, column = torch.tril_indices(latent, latent)
        self.register_buffer("place", row * latent + column, persistent=False)
        self.register_buffer("diagonal", torch.eye(latent, dtype=torch.bool), persistent=False)

    place: Tensor
    diagonal: Tensor

    def forward(self, parameters: Tensor) -> Distribution:
        """MultivariateNormal."""
        n = self.latent
        mean, entries = precise(parameters).split((n, len(self.place)), -1)
        flat = entries.new_zeros(*entries.shape[:-1], n * n)
        raw = flat.index_copy(-1, self.place, entries).unflatten(-1, (n, n))
        lower = torch.where(self.diagonal, scale_of(raw, LEAST), raw)
        return MultivariateNormal(mean, scale_tril=lower, validate_args=False)


class DeltaGaussian(PosteriorHead):
    """Independent normals whose KL to N(0, 1) is at least `delta` nats in every dimension.

    The scale stays below s*, the root below 1 of (s^2 - 1) / 2 - log s = delta.
    """

    def __init__(self, latent: int, delta: float = 0.1):
        super().__init__(latent, 2 * latent)
        if not 0 < delta < 9:
            raise ValueError(f"delta must be between 0 and 9 nats a dimension, not {delta!r}")
        self.most = widest(delta)

    def forward(self, parameters: Tensor) -> Distribution:
        """Independent normals."""
        mean, scale = precise(parameters).chunk(2, -1)
        scale = LEAST + (self.most - LEAST) * scale.sigmoid()
        return Independent(Normal(mean, scale, validate_args=False), 1)


def widest(delta: float) -> float:
    """The s < 1 at which KL(N(0, s^2) || N(0, 1)) is `delta`, by bisection of log s.

    >>> round(widest(0.5 * (0.25 - 1) - math.log(0.5)), 12)
    0.5
    """
    low, high = -delta - 1.0, 0.0
    for _ in range(100):
        middle = (low + high) / 2
        above = (math.exp(2 * middle) - 1) / 2 - middle > delta
        low, high = (middle, high) if above else (low, middle)
    return math.exp(low)


class Encoder(Component):
    """q(z | x): a network that sees the data as floats (pixels in [-1, 1]), and a posterior head.

    Args:
        network: (batch, *space.shape) -> (batch, head.outputs); where something is told, it is
            called with that too, as a vector (batch, `nn.conditions.width_of(given)`).
        space: of the data.
        head: the family of q; its `latent` is the length of z.
        given: what it is told beside the data, such as Labels(10): q(z | x, y).
    """

    def __init__(self, network: nn.Module, space: Space, head: PosteriorHead, given: Given = None):
        super().__init__()
        self.network, self.space, self.head, self.given = network, space, head, given
        self.latent = head.latent

    def enter(self, x: Tensor) -> Tensor:
        """Data as the network sees them; tokens stay integers."""
        return entered(self.space, x, self.dtype)

    @property
    def dtype(self) -> torch.dtype:
        """The floating-point type that it computes in."""
        return next(self.parameters()).dtype

    def context(self, *conditions: Tensor) -> Tensor | None:
        """What it is told, as the network takes it."""
        return as_vector(self.given, conditions, self.dtype)

    def describe(self, h: Tensor, c: Tensor | None = None) -> Distribution:
        """q for what the network sees and is told: a VampPrior's pseudo-inputs enter here."""
        return self.head(self.described(h, c))

    def described(self, h: Tensor, c: Tensor | None = None) -> Tensor:
        """The head's parameters (batch, outputs). Raises ValueError for a wrong number of them."""
        parameters = call(self.network, h, c)
        if parameters.shape[-1] != self.head.outputs:
            raise ValueError(
                f"the encoder's network gives {parameters.shape[-1]} numbers, but "
                f"{type(self.head).__name__}({self.latent}) must be given {self.head.outputs}"
            )
        return parameters

    def forward(self, x: Tensor, *conditions: Tensor) -> Distribution:
        """q(z | x) for data of the space, and what is told with them."""
        return self.describe(self.enter(x), self.context(*conditions))


def entered(space: Space, x: Tensor, dtype: torch.dtype) -> Tensor:
    """Data as a network sees them: pixels in [-1, 1]; real numbers and tokens as they are."""
    return space.to_signed(x, dtype) if isinstance(space, Pixels) else x


def drawn(q: Distribution, samples: int) -> tuple[Tensor, Tensor | None]:
    """`samples` reparametrised draws (samples, batch, latent); log q of them where drawing told it.

    A flow knows the density of its own draws without inverting; others are asked when it is needed.
    """
    both = getattr(q, "rsample_and_log_prob", None)
    return (q.rsample((samples,)), None) if both is None else both((samples,))


class Moved(Distribution):
    """A normal that a bijection carries on: z = g(z_0; h), z_0 ~ N(m, s^2).

    Draws know their own density in one pass; that of another z needs the bijection's inverse.
    """

    arg_constraints = {}  # noqa: RUF012
    has_rsample = True

    def __init__(self, start: Distribution, bijection: Bijection, context: Tensor | None):
        self.start, self.bijection, self.context = start, bijection, context
        self.last: tuple[Tensor, Tensor] | None = None  # draws, which only then know their parts
        super().__init__(start.batch_shape, start.event_shape, validate_args=False)

    def rsample_and_log_prob(
        self, sample_shape: torch.Size | tuple[int, ...] = ()
    ) -> tuple[Tensor, Tensor]:
        """Draws (*sample_shape, *batch, latent) with gradients, and log q of them."""
        first = self.start.rsample(torch.Size(sample_shape))
        flat, each = first.flatten(0, -2), log_prob_each(self.start, first)
        context = self._repeated(len(flat))
        if each is not None and (
            found := self.bijection.inverse_each(flat, each.flatten(0, -2), context)
        ):
            z, nats = (t.view(first.shape) for t in found)
            self.last = z, nats
            return z, nats.sum(-1)
        z, log_det = self.bijection.inverse(flat, context)
        log_q = self.start.log_prob(first) - log_det.view(first.shape[:-1])
        return z.view(first.shape), log_q

    def log_prob_each(self, value: Tensor) -> Tensor | None:
        """Log q of each number of the last draws (..., batch, latent), if steps are autoregressive.

        Of one step it is that of a number given those before it. Of several in different orders it
        is the share that the number's own noise and slopes have in log q, as IAF's authors count.
        """
        return self.last[1] if self.last is not None and value is self.last[0] else None

    def rsample(self, sample_shape: torch.Size | tuple[int, ...] = ()) -> Tensor:
        """Draws with gradients."""
        return self.rsample_and_log_prob(sample_shape)[0]

    def log_prob(self, value: Tensor) -> Tensor:
        """Log q of any `value` (..., *batch, latent), or of one that broadcasts against it."""
        batch = torch.broadcast_shapes(value.shape[:-1], self.batch_shape)
        value = value.expand(*batch, -1)
        flat = value.flatten(0, -2)
        first, log_det = self.bijection(flat, self._repeated(len(flat)))
        return self.start.log_prob(first.view(value.shape)) + log_det.view(value.shape[:-1])

    def _repeated(self, n: int) -> Tensor | None:
        if self.context is None:
            return None
        return self.context.repeat(n // len(self.context), 1)


class FlowPosterior(PosteriorHead):
    """A normal moved by bijections that may see the encoder's context.

    Args:
        latent: length of z.
        bijections: from the data's side (z) to the noise's, as a `Flow` has them: for quick draws
            take `Inverse(...)` of planar, Sylvester or masked autoregressive steps.

    Raises:
        ValueError: where bijections want contexts of different widths.
    """

    def __init__(self, latent: int, bijections: Sequence[Bijection]):
        widths = {b.context for b in bijections} - {0}
        if len(widths) > 1:
            raise ValueError(f"bijections want contexts of different widths: {sorted(widths)}")
        context = max(widths, default=0)
        super().__init__(latent, 2 * latent + context)
        self.context = context
        self.start, self.bijection = DiagonalGaussian(latent), Chain(*bijections)

    def forward(self, parameters: Tensor) -> Distribution:
        """The normal, moved."""
        normal, context = parameters.split((2 * self.latent, self.context), -1)
        return Moved(self.start(normal), self.bijection, context if self.context else None)
