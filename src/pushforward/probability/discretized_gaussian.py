"""A Gaussian over integers: every value owns the mass of its bin, the outermost own the tails.

    p(x) = Phi((hi(x) - mean) / std) - Phi((lo(x) - mean) / std)

Values 0 .. levels - 1 stand for points evenly spread over [-1, 1]; a bin reaches half-way to its
neighbours, the first from minus infinity and the last to infinity.

Denoising Diffusion Probabilistic Models (Ho et al., 2020), arXiv:2006.11239, eq. 13.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.distributions import Distribution
from torch.special import log_ndtr

from ..core.spaces import Pixels, Space, count
from .heads import Head, precise


def discretized_gaussian_log_prob(x: Tensor, mean: Tensor, std: Tensor, levels: int) -> Tensor:
    """log p of the integers `x` in nats, elementwise; `mean` and `std` are on the scale [-1, 1].

    >>> x = torch.arange(5)
    >>> discretized_gaussian_log_prob(x, torch.tensor(0.3), torch.tensor(0.2), 5).exp().sum()
    tensor(1.)
    """
    centre = x.to(mean.dtype) * (2 / (levels - 1)) - 1
    inf = torch.full_like(centre, torch.inf)
    low = torch.where(x == 0, -inf, (centre - 1 / (levels - 1) - mean) / std)
    high = torch.where(x == levels - 1, inf, (centre + 1 / (levels - 1) - mean) / std)
    return _log_mass(low, high)


def _log_mass(low: Tensor, high: Tensor) -> Tensor:
    """log(Phi(high) - Phi(low)) for low < high, without cancellation in either tail."""
    flip = low > 0  # by symmetry: always look from the lower tail, where Phi is small
    low, high = torch.where(flip, -high, low), torch.where(flip, -low, high)
    # The outermost bins have one end at infinity, which has no gradient.
    left, right = torch.isneginf(low), torch.isposinf(high)
    a = log_ndtr(torch.where(left, torch.zeros_like(low), low))
    b = log_ndtr(torch.where(right, torch.zeros_like(high), high))
    b = torch.where(right, torch.zeros_like(b), b)
    within = b + torch.log(-torch.expm1(torch.minimum(a - b, torch.full_like(a, -1e-12))))
    return torch.where(left, b, within)


class DiscretizedGaussian(Distribution):
    """Independent pixel values, uint8; `loc` (...) and `scale` are on the scale [-1, 1]."""

    arg_constraints = {}  # noqa: RUF012

    def __init__(self, loc: Tensor, scale: float, levels: int = 256):
        self.loc, self.scale = precise(loc), scale
        self.pixels = Pixels(1, 1, 1, levels)
        super().__init__(self.loc.shape, validate_args=False)

    def log_prob(self, value: Tensor) -> Tensor:
        """log P(value) in nats, of the shape of both together."""
        value, loc = torch.broadcast_tensors(value, self.loc)
        scale = loc.new_tensor(self.scale)
        return discretized_gaussian_log_prob(value, loc, scale, self.pixels.levels)

    def unrounded(self) -> Tensor:
        """Draws on the scale [-1, 1] before they are rounded and clipped, with gradients."""
        return self.loc + self.scale * torch.randn_like(self.loc)

    def sample(self, sample_shape: torch.Size | tuple[int, ...] = ()) -> Tensor:
        """uint8 values: the Gaussian's draw, rounded and clipped, has exactly these bins."""
        with torch.no_grad():
            loc = self.loc.expand(self._extended_shape(torch.Size(sample_shape)))
            return self.pixels.from_signed(loc + self.scale * torch.randn_like(loc))

    @property
    def mode(self) -> Tensor:
        """The pixel value nearest to the centre, uint8."""
        return self.pixels.from_signed(self.loc)

    @property
    def mean(self) -> Tensor:
        """The mean pixel value, in 0 .. levels - 1: the sum of P(x >= k) over k = 1, 2, ..."""
        levels = self.pixels.levels
        edges = ((2 * k - levels) / (levels - 1) for k in range(1, levels))
        above = ((1 + torch.erf((self.loc - edge) / (self.scale * math.sqrt(2)))) for edge in edges)
        return sum(above, torch.zeros_like(self.loc)) / 2


class DiscretizedGaussianHead(Head):
    """One Gaussian in bins for a pixel value, whose scale is fixed: squared error as a likelihood.

    Where bins are narrow beside it, -log P(x) is (x - loc)^2 / (2 scale^2) and a constant.

    Args:
        levels: of a pixel.
        scale: standard deviation, of values on the scale [-1, 1].
    """

    def __init__(self, levels: int = 256, scale: float = 0.1):
        super().__init__(1, 1)
        if not 0 < scale < math.inf:
            raise ValueError(f"scale must be a positive number, not {scale!r}")
        self.levels, self.scale = count("levels", levels, 2), scale

    def encode(self, x: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
        """Features (..., 1)."""
        return x.to(dtype).unsqueeze(-1) * (2 / (self.levels - 1)) - 1

    def forward(self, parameters: Tensor) -> Distribution:
        """DiscretizedGaussian."""
        return DiscretizedGaussian(parameters[..., 0], self.scale, self.levels)

    def fits(self, space: Space) -> bool:
        """Pixels of these levels."""
        return isinstance(space, Pixels) and space.levels == self.levels
