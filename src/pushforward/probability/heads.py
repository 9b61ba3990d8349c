"""Heads: how a number enters a network, and how a network's outputs become its distribution.

A head maps parameters (..., outputs) to a `Distribution` over numbers of shape (...): whatever
factorises over dimensions (MADE, PixelCNN, WaveNet, a decoder) differs from its Gaussian or
categorical sister only in its head.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor
from torch.distributions import Bernoulli, Categorical, Distribution, MixtureSameFamily, Normal
from torch.nn import functional as F

from ..core.blueprint import Component
from ..core.spaces import Pixels, Reals, Space, Tokens, count


def precise(parameters: Tensor) -> Tensor:
    """`parameters` in float32 at least: under autocast a network's outputs are bfloat16."""
    return parameters.to(torch.promote_types(parameters.dtype, torch.float32))


class Head(Component, ABC):
    """One number's way in and out: `inputs` features of it, `outputs` parameters for it."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.inputs, self.outputs = inputs, outputs

    @abstractmethod
    def encode(self, x: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
        """Features (..., inputs) that a network sees of the numbers `x` (...)."""

    @abstractmethod
    def forward(self, parameters: Tensor) -> Distribution:
        """The distribution over numbers (...) that `parameters` (..., outputs) describe."""

    @abstractmethod
    def fits(self, space: Space) -> bool:
        """Whether the numbers of `space` are what this head describes."""

    def log_prob(self, parameters: Tensor, x: Tensor) -> Tensor:
        """log p(x) in nats, of `x`'s shape; `x` as the space has it."""
        return self(parameters).log_prob(x.to(precise(parameters).dtype))

    def draw(self, parameters: Tensor) -> Tensor:
        """One number (...) from each of the distributions; samplers call it once per number."""
        given = self(parameters)
        return given.rsample() if given.has_rsample else given.sample()  # rsample: quicker

    def check(self, space: Space) -> Head:
        """Returns itself; raises ValueError where it does not describe `space`."""
        if not self.fits(space):
            raise ValueError(
                f"{type(self).__name__} does not describe the numbers of {space}: "
                f"take {type(head_for(space)).__name__}, or leave the head out"
            )
        return self


class BinaryHead(Head):
    """Bernoulli with one logit, for `Pixels` of two levels; the bit enters as -1 or 1."""

    def __init__(self) -> None:
        super().__init__(1, 1)

    def encode(self, x: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
        """Features (..., 1)."""
        return x.to(dtype).unsqueeze(-1) * 2 - 1

    def forward(self, parameters: Tensor) -> Distribution:
        """Bernoulli."""
        return Bernoulli(logits=precise(parameters)[..., 0], validate_args=False)

    def draw(self, parameters: Tensor) -> Tensor:
        """Bits, as floats."""
        return torch.bernoulli(precise(parameters)[..., 0].sigmoid())

    def log_prob(self, parameters: Tensor, x: Tensor) -> Tensor:
        """The same number by one function of the logit with the bit's sign."""
        logits = precise(parameters)[..., 0]
        return F.logsigmoid((2 * x.to(logits.dtype) - 1) * logits)

    def fits(self, space: Space) -> bool:
        """Pixels of two levels."""
        return isinstance(space, Pixels) and space.levels == 2


class CategoricalHead(Head):
    """A softmax over `levels` values, for `Pixels` and `Tokens`; a value enters one-hot."""

    def __init__(self, levels: int):
        super().__init__(count("levels", levels), levels)
        self.levels = levels

    def encode(self, x: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
        """Features (..., levels)."""
        shape = (*x.shape, self.levels)
        one = torch.ones((), device=x.device, dtype=dtype).expand(*x.shape, 1)
        return torch.zeros(shape, device=x.device, dtype=dtype).scatter(
            -1, x.long()[..., None], one
        )

    def forward(self, parameters: Tensor) -> Distribution:
        """Categorical."""
        return Categorical(logits=precise(parameters), validate_args=False)

    def draw(self, parameters: Tensor) -> Tensor:
        """Values, int64: Gumbel's maximum, which needs no normaliser."""
        logits = precise(parameters)
        noise = torch.empty_like(logits, memory_format=torch.contiguous_format)
        return (logits - noise.exponential_().log_()).argmax(-1)

    def fits(self, space: Space) -> bool:
        """Pixels of `levels` levels, or Tokens of that vocabulary."""
        return levels_of(space) == self.levels

    def log_prob(self, parameters: Tensor, x: Tensor) -> Tensor:
        """The same number in one fused step, which keeps no second copy of the logits."""
        flat = precise(parameters).reshape(-1, self.levels)
        nats = F.cross_entropy(flat, x.reshape(-1).long(), reduction="none")
        return -nats.view(x.shape)


class GaussianHead(Head):
    """A normal with mean and scale, for `Reals`; scale = softplus, 1 where its parameter is 0.

    Args:
        least: the smallest scale, which keeps the density of repeated values finite.
    """

    def __init__(self, least: float = 1e-3):
        super().__init__(1, 2)
        self.least = _positive("least", least)

    def encode(self, x: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
        """Features (..., 1)."""
        return x.to(dtype).unsqueeze(-1)

    def forward(self, parameters: Tensor) -> Distribution:
        """Normal."""
        mean, scale = precise(parameters).unbind(-1)
        return Normal(mean, scale_of(scale, self.least), validate_args=False)

    def draw(self, parameters: Tensor) -> Tensor:
        """The mean and noise of that scale."""
        mean, scale = precise(parameters).unbind(-1)
        return torch.addcmul(mean, scale_of(scale, self.least), torch.randn_like(mean))

    def fits(self, space: Space) -> bool:
        """Reals."""
        return isinstance(space, Reals)


class GaussianMixtureHead(Head):
    """A mixture of `components` normals, for `Reals`: weights, means and scales.

    The means start apart (spread over [-1, 1]), because components that start equal stay equal.
    """

    start: Tensor

    def __init__(self, components: int = 10, least: float = 1e-3):
        super().__init__(1, 3 * count("components", components))
        self.least = _positive("least", least)
        self.register_buffer("start", torch.linspace(-1, 1, components), persistent=False)

    def encode(self, x: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
        """Features (..., 1)."""
        return x.to(dtype).unsqueeze(-1)

    def forward(self, parameters: Tensor) -> Distribution:
        """MixtureSameFamily of Normals."""
        logits, means, scales = precise(parameters).chunk(3, -1)
        normal = Normal(means + self.start, scale_of(scales, self.least), validate_args=False)
        weights = Categorical(logits=logits, validate_args=False)
        return MixtureSameFamily(weights, normal, validate_args=False)

    def fits(self, space: Space) -> bool:
        """Reals."""
        return isinstance(space, Reals)


def head_for(space: Space) -> Head:
    """The plainest head for a space: Bernoulli, categorical or Gaussian."""
    levels = levels_of(space)
    if levels is None:
        return GaussianHead()
    return BinaryHead() if BinaryHead().fits(space) else CategoricalHead(levels)


def likeliest(d: Distribution) -> Tensor:
    """The mode; the mean where torch knows no mode. torch's Bernoulli is undecided at 1/2: 0."""
    try:
        return d.mode.nan_to_num()
    except NotImplementedError:
        return d.mean


def levels_of(space: Space) -> int | None:
    """How many values a number of `space` can take; None for Reals."""
    if isinstance(space, Tokens):
        return space.vocabulary
    return space.levels if isinstance(space, Pixels) else None


def scale_of(parameter: Tensor, least: float) -> Tensor:
    """softplus, shifted so that 0 gives 1 (and a large negative number gives `least`)."""
    return F.softplus(parameter + math.log(math.e - 1)) + least


def _positive(name: str, value: float) -> float:
    if not value > 0:
        raise ValueError(f"{name} must be a positive number, not {value!r}")
    return value
