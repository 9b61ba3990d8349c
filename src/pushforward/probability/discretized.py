"""Discretised logistics: a density over the real line, gathered into the bins of pixel values.

    P(x) = sigma((x + 1/2 bin - m) / s) - sigma((x - 1/2 bin - m) / s)

where the lowest bin reaches to -infinity and the highest to infinity, so that the values 0 ..
levels - 1 sum to 1 whatever m and s are. With a and b the two arguments, the difference is computed
as the exact product

    sigma(b) - sigma(a) = sigma(b) sigma(-a) (1 - exp(a - b))

whose logarithm is finite for every scale; where a bin is so narrow that 1 - exp(-d) rounds to
nothing, its logarithm is log(d) - d / 2, and so is its gradient.

PixelCNN++ (Salimans, Karpathy, Chen & Kingma, 2017), arXiv:1701.05517, eqs. 1-3, sections 2.1-2.2;
the single logistic is of Kingma et al. (2016), arXiv:1606.04934, appendix.
Differs from the official code: that approximates bins of little mass by the density at their
centre.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.distributions import Distribution, constraints
from torch.nn import functional as F

from ..core.spaces import Pixels, Space, count
from ..nn.sums import per_example
from .heads import Head, head_for, precise

NARROW = 1e-8  # on the scale of a logistic: the next term of the series is its square's
SOFTMAX = 32  # levels up to which a softmax costs little
LEAST = 2.0**-25  # less than torch.rand's smallest number above 0
LEAST_LOG_SCALE = -7.0  # not in the paper: the official code's bound, for networks only


class DiscretizedLogistic(Distribution):
    """Independent pixel values; `mean` and `log_scale` (...) are on the scale [-1, 1] of pixels.

    Samples are uint8; `log_prob` takes any type that holds 0 .. levels - 1.
    """

    arg_constraints = {"loc": constraints.real, "log_scale": constraints.real}  # noqa: RUF012

    def __init__(self, loc: Tensor, log_scale: Tensor, levels: int = 256):
        self.loc, self.log_scale = torch.broadcast_tensors(precise(loc), precise(log_scale))
        self.levels = count("levels", levels, 2)
        super().__init__(self.loc.shape, validate_args=False)

    @property
    def support(self) -> constraints.Constraint:
        """The integers 0 .. levels - 1."""
        return constraints.integer_interval(0, self.levels - 1)

    def log_prob(self, value: Tensor) -> Tensor:
        """log P(value) in nats, of the shape of both together."""
        x = value.to(self.loc.dtype)
        sharpness = (-self.log_scale).exp()
        below = (self._edge(x) - self.loc) * sharpness
        above = (self._edge(x + 1) - self.loc) * sharpness
        inside = (
            log_mass(math.log(2 / (self.levels - 1)) - self.log_scale) if self.levels > 2 else 0
        )
        lower = torch.where(x > 0, F.logsigmoid(-below), 0)
        upper = torch.where(x < self.levels - 1, F.logsigmoid(above), 0)
        return lower + upper + torch.where((x > 0) & (x < self.levels - 1), inside, 0)

    def unrounded(self) -> Tensor:
        """Draws on the scale [-1, 1] before they are rounded and clipped, with gradients."""
        u = torch.rand_like(self.loc).clamp(min=LEAST)
        return self.loc + self.log_scale.exp() * u.logit()

    def sample(self, sample_shape: torch.Size | tuple[int, ...] = ()) -> Tensor:
        """uint8 values: the logistic's draw, rounded and clipped, has exactly these bins."""
        with torch.no_grad():
            shape = self._extended_shape(torch.Size(sample_shape))
            u = torch.rand(shape, device=self.loc.device, dtype=self.loc.dtype)
            x = self.loc + self.log_scale.exp() * u.logit()
            return Pixels(1, 1, 1, self.levels).from_signed(x)

    @property
    def mode(self) -> Tensor:
        """The pixel value nearest to the logistic's centre, uint8."""
        return Pixels(1, 1, 1, self.levels).from_signed(self.loc)

    @property
    def mean(self) -> Tensor:
        """The mean pixel value, in 0 .. levels - 1: the sum of P(x >= k) over k = 1, 2, ..."""
        total = torch.zeros_like(self.loc)
        for k in range(1, self.levels):
            edge = self._edge(torch.tensor(k, dtype=self.loc.dtype, device=self.loc.device))
            total += torch.sigmoid((self.loc - edge) * (-self.log_scale).exp())
        return total

    def _edge(self, k: Tensor) -> Tensor:
        """The lower edge of bin k on the scale [-1, 1] (the upper edge of bin k - 1)."""
        return (2 * k - self.levels) / (self.levels - 1)


def log_mass(log_width: Tensor) -> Tensor:
    """log(1 - exp(-d)) of log(d), with the gradient that it has: where d is 0, too."""
    width = log_width.exp()
    usual = (-torch.expm1(-width.clamp(min=NARROW))).log()
    return torch.where(width < NARROW, log_width - width / 2, usual)


class DiscretizedLogisticMixture(Distribution):
    """Images whose pixels are mixtures of logistics, their channels coupled linearly.

    One component is chosen per pixel, for all its channels; within it the mean of a channel moves
    with the values of the channels before it (red, then green, then blue).

    Args:
        parameters: (batch, outputs, ...) as a convolution gives them, where outputs is
            `DiscretizedLogisticMixture.outputs(channels, components)`.
        channels: of the image.
        levels: of a pixel.

    Samples are uint8 (batch, channels, ...); `log_prob` is in nats, (batch,).
    """

    arg_constraints = {}  # noqa: RUF012

    def __init__(self, parameters: Tensor, channels: int, levels: int = 256):
        parts = count("channels", channels) * (channels - 1) // 2
        share = 1 + 2 * channels + parts
        if parameters.shape[1] % share:
            raise ValueError(
                f"a mixture over {channels} channels takes a multiple of {share} parameters per "
                f"pixel, not {parameters.shape[1]}"
            )
        split = (
            precise(parameters).unflatten(1, (share, -1)).split((1, channels, channels, parts), 1)
        )
        self.logits, self.means = split[0].squeeze(1), split[1]
        self.log_scales, self.couplings = split[2].clamp(min=LEAST_LOG_SCALE), split[3].tanh()
        self.channels, self.levels = channels, levels
        size = parameters.shape
        super().__init__(size[:1], torch.Size((channels, *size[2:])), validate_args=False)

    @staticmethod
    def outputs(channels: int, components: int) -> int:
        """Parameters for a pixel: 10 a component for three channels, 3 for one."""
        return components * (1 + 2 * channels + channels * (channels - 1) // 2)

    def log_prob(self, value: Tensor) -> Tensor:
        """log p(image) in nats, (batch,)."""
        signed = self._signed(value).unsqueeze(2)
        centres = torch.stack([self._centre(c, signed) for c in range(self.channels)], 1)
        each = DiscretizedLogistic(centres, self.log_scales, self.levels)
        per_component = each.log_prob(value.unsqueeze(2)).sum(1) + self.logits.log_softmax(1)
        return per_example(per_component.logsumexp(1))

    def sample(self, sample_shape: torch.Size | tuple[int, ...] = ()) -> Tensor:
        """uint8 images (batch, channels, ...), one for each set of parameters."""
        if len(sample_shape):
            raise ValueError("repeat the parameters instead of asking for a sample shape")
        with torch.no_grad():
            noise = -torch.empty_like(self.logits).exponential_().log()
            # Gumbel's maximum chooses the component.
            return self._channels(self.logits + noise, DiscretizedLogistic.sample)

    @property
    def mode(self) -> Tensor:
        """The centre of the heaviest component in every pixel, uint8 (batch, channels, ...)."""
        return self._channels(self.logits, lambda one: one.mode)

    def _channels(self, scores: Tensor, take: Callable[[DiscretizedLogistic], Tensor]) -> Tensor:
        """One channel after the other from the component of the highest score."""
        chosen = scores.argmax(1, keepdim=True)
        drawn: list[Tensor] = []
        for c in range(self.channels):
            signed = [self._signed(x).unsqueeze(1).unsqueeze(1) for x in drawn]
            before = torch.cat(signed, 1) if signed else self.means[:, :0]
            centre = self._centre(c, before).gather(1, chosen).squeeze(1)
            log_scale = self.log_scales[:, c].gather(1, chosen).squeeze(1)
            drawn.append(take(DiscretizedLogistic(centre, log_scale, self.levels)))
        return torch.stack(drawn, 1)

    def _signed(self, x: Tensor) -> Tensor:
        return x.to(self.means.dtype) * (2 / (self.levels - 1)) - 1

    def _centre(self, c: int, signed: Tensor) -> Tensor:
        """Means (batch, components, ...) of channel c, given those before (batch, c, 1, ...)."""
        first = c * (c - 1) // 2
        weights = self.couplings[:, first : first + c]
        return self.means[:, c] + (weights * signed[:, :c]).sum(1)


class DiscretizedLogisticHead(Head):
    """One discretised logistic for a pixel value, which enters as a number in [-1, 1]."""

    def __init__(self, levels: int = 256):
        super().__init__(1, 2)
        self.levels = count("levels", levels, 2)

    def encode(self, x: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
        """Features (..., 1)."""
        return x.to(dtype).unsqueeze(-1) * (2 / (self.levels - 1)) - 1

    def forward(self, parameters: Tensor) -> Distribution:
        """DiscretizedLogistic."""
        loc, log_scale = parameters.unbind(-1)
        return DiscretizedLogistic(loc, log_scale.clamp(min=LEAST_LOG_SCALE), self.levels)

    def fits(self, space: Space) -> bool:
        """Pixels of these levels."""
        return isinstance(space, Pixels) and space.levels == self.levels


def usual_head(space: Space) -> Head:
    """The usual likelihood of a number of a space.

    Bernoulli for bits, a softmax for up to 32 levels and for tokens, a logistic in bins for pixels
    of more levels, a Gaussian for real numbers.
    """
    if isinstance(space, Pixels) and space.levels > SOFTMAX:
        return DiscretizedLogisticHead(space.levels)
    return head_for(space)
