"""The likelihood of DALL-E's codec: pixels whose logit is a Laplace variable.

    f(y | m, b) = 1 / (2 b y (1 - y)) exp(-|logit(y) - m| / b),    0 < y < 1
    y = phi(x) = eps + (1 - 2 eps) x / (levels - 1),               x = 0 .. levels - 1

f lives where pixels do, and vanishes or grows without bound at its ends, so that phi keeps pixels
off them. But f is a density, over real numbers. -log f at the integers is no likelihood of theirs:
it knows nothing of bins, and has no lower bound. So here a pixel value owns what f holds in its
bin, as of the house's other heads,

    P(x) = F(phi(x + 1/2)) - F(phi(x - 1/2)),    F the distribution function of f

where the first bin begins at 0 and the last ends at 1: an exact likelihood of integers, whose
bits/dim compare. The paper's loss is its middle point: log f(phi(x)) + log(1 - 2 eps) -
log(levels - 1) is log P(x) where f is as good as linear within a bin. The mean of that over uniform
noise in the bin is a lower bound on log P(x), by Jensen: what dequantised pixels would have been
given.

Zero-Shot Text-to-Image Generation (Ramesh et al., 2021), arXiv:2102.12092, appendix A.3, eqs. 2-3.
Differs from the paper: as above.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.distributions import (
    Distribution,
    Laplace,
    SigmoidTransform,
    TransformedDistribution,
    constraints,
)

from ..core.spaces import Pixels, Space, count
from .discretized import LEAST_LOG_SCALE, log_mass
from .heads import Head, precise


class LogitLaplace(TransformedDistribution):
    """f: the density over (0, 1) of numbers whose logits are Laplace, with `loc` and `scale`."""

    def __init__(self, loc: Tensor, scale: Tensor, validate_args: bool | None = None):
        laplace = Laplace(loc, scale, validate_args=validate_args)
        super().__init__(laplace, SigmoidTransform(), validate_args=validate_args)


class DiscretizedLogitLaplace(Distribution):
    """Independent pixel values; `loc` and `log_scale` (...) are those of the Laplace variable.

    Samples are uint8; `log_prob` takes any type that holds 0 .. levels - 1.
    """

    arg_constraints = {"loc": constraints.real, "log_scale": constraints.real}  # noqa: RUF012

    def __init__(self, loc: Tensor, log_scale: Tensor, levels: int = 256, eps: float = 0.1):
        self.loc, self.log_scale = torch.broadcast_tensors(precise(loc), precise(log_scale))
        self.levels, self.eps = count("levels", levels, 2), _margin(eps)
        self.pixels = Pixels(1, 1, 1, levels)
        super().__init__(self.loc.shape, validate_args=False)

    @property
    def support(self) -> constraints.Constraint:
        """The integers 0 .. levels - 1."""
        return constraints.integer_interval(0, self.levels - 1)

    def log_prob(self, value: Tensor) -> Tensor:
        """log P(value) in nats, of the shape of both together."""
        x, edges = value.long(), self._edges()
        sharpness, last = (-self.log_scale).exp(), self.levels - 2
        below = (edges[(x - 1).clamp(min=0)].to(self.loc) - self.loc) * sharpness
        above = (edges[x.clamp(max=last)].to(self.loc) - self.loc) * sharpness
        ends = torch.where(x == 0, log_distribution(above), log_distribution(-below))
        if self.levels == 2:
            return ends
        widths = edges.diff().log()[(x - 1).clamp(0, last - 1)].to(self.loc) - self.log_scale
        return torch.where((x > 0) & (x <= last), _between(below, above, widths), ends)

    def unrounded(self) -> Tensor:
        """Draws on the scale [-1, 1] before they are rounded and clipped, with gradients."""
        noise = Laplace(torch.zeros_like(self.loc), torch.ones_like(self.loc), False).sample()
        return self._signed(self.loc + self.log_scale.exp() * noise)

    def sample(self, sample_shape: torch.Size | tuple[int, ...] = ()) -> Tensor:
        """uint8 values: the density's draw, rounded and clipped, has exactly these bins."""
        with torch.no_grad():
            shape = self._extended_shape(torch.Size(sample_shape))
            more = DiscretizedLogitLaplace(
                self.loc.expand(shape), self.log_scale.expand(shape), self.levels, self.eps
            )
            return self.pixels.from_signed(more.unrounded())

    @property
    def mode(self) -> Tensor:
        """The pixel value nearest to the median, uint8: how the paper reconstructs."""
        return self.pixels.from_signed(self._signed(self.loc))

    @property
    def mean(self) -> Tensor:
        """The mean pixel value, in 0 .. levels - 1: the sum of P(x >= k) over k = 1, 2, ..."""
        total, sharpness = torch.zeros_like(self.loc), (-self.log_scale).exp()
        for edge in self._edges().tolist():
            total += log_distribution((self.loc - edge) * sharpness).exp()
        return total

    def _edges(self) -> Tensor:
        """Where bins meet, as logits, float64 (levels - 1,)."""
        middles = torch.arange(1, self.levels, device=self.loc.device, dtype=torch.float64) - 0.5
        return (self.eps + (1 - 2 * self.eps) * middles / (self.levels - 1)).logit()

    def _signed(self, logit: Tensor) -> Tensor:
        """phi backwards, from logits, on the scale [-1, 1]."""
        return (logit / 2).tanh() / (1 - 2 * self.eps)


def log_distribution(t: Tensor) -> Tensor:
    """log F(t) of the standard Laplace distribution, exact in both tails.

    >>> log_distribution(torch.tensor([-50.0, 0.0]).double()).exp()
    tensor([9.6437e-23, 5.0000e-01], dtype=torch.float64)
    """
    right = torch.log1p(-(-t.clamp(min=0)).exp() / 2)
    return torch.where(t < 0, t - math.log(2), right)


def _between(below: Tensor, above: Tensor, log_width: Tensor) -> Tensor:
    """log(F(above) - F(below)) without cancellation, for the logarithm of their difference."""
    around = (below < 0) & (above > 0)
    left, right = (torch.where(around, t, one) for t, one in ((below, -1), (above, 1)))
    astride = (-(torch.expm1(left) + torch.expm1(-right)) / 2).log()
    aside = torch.maximum(below, -above) + math.log(2)
    return torch.where(around, astride, log_mass(log_width) - aside)


class LogitLaplaceHead(Head):
    """A logit-Laplace density in bins for a pixel value, which enters as a number in [-1, 1].

    Args:
        levels: of a pixel.
        eps: how far pixels are kept from the ends of (0, 1): the paper's 0.1.
    """

    def __init__(self, levels: int = 256, eps: float = 0.1):
        super().__init__(1, 2)
        self.levels, self.eps = count("levels", levels, 2), _margin(eps)

    def encode(self, x: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
        """Features (..., 1)."""
        return x.to(dtype).unsqueeze(-1) * (2 / (self.levels - 1)) - 1

    def forward(self, parameters: Tensor) -> Distribution:
        """DiscretizedLogitLaplace."""
        loc, log_scale = parameters.unbind(-1)
        bounded = log_scale.clamp(min=LEAST_LOG_SCALE)
        return DiscretizedLogitLaplace(loc, bounded, self.levels, self.eps)

    def fits(self, space: Space) -> bool:
        """Pixels of these levels."""
        return isinstance(space, Pixels) and space.levels == self.levels


def _margin(eps: float) -> float:
    if not 0 <= eps < 0.5:
        raise ValueError(f"eps must be at least 0 and less than 1/2, not {eps!r}")
    return eps
