"""Decoders: p(x | z), from a network and the head that describes one number of the data.

    log p(x | z, y) = sum_d log p(x_d | network(z, y)_d)

Given z, and what the decoder is told (y), the numbers of a datum are independent; all that they
share must be in z and y.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn
from torch.distributions import Bernoulli, Categorical, Distribution, Normal

from ..core.blueprint import Component
from ..core.given import Given
from ..core.spaces import Pixels, Reals, Space, Tokens
from ..nn.conditions import as_vector, call
from .discretized import usual_head
from .heads import Head, likeliest


class Each(Distribution):
    """Data of a space whose numbers are independent, each described by a head.

    `parameters` are (..., *space.shape, head.outputs). Samples are of the space's type.
    """

    arg_constraints = {}  # noqa: RUF012

    def __init__(self, head: Head, parameters: Tensor, space: Space):
        self.head, self.parameters, self.space = head, parameters, space
        event = len(space.shape)
        batch = parameters.shape[: parameters.dim() - event - 1]
        super().__init__(batch, torch.Size(space.shape), validate_args=False)

    @property
    def has_rsample(self) -> bool:
        """Whether draws carry gradients."""
        return isinstance(self.space, Reals)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log p in nats of data (batch, *shape), with the shape of both together without events."""
        event = len(self.event_shape)
        batch = torch.broadcast_shapes(self.batch_shape, value.shape[: value.dim() - event])
        value = value.expand(*batch, *self.event_shape)
        parameters = self.parameters.expand(*value.shape, self.head.outputs)
        return self.head.log_prob(parameters, value).flatten(len(batch)).sum(-1)

    def rsample(self, sample_shape: torch.Size | tuple[int, ...] = ()) -> Tensor:
        """Draws with gradients, for `Reals`."""
        return self.head(self.parameters).rsample(sample_shape)

    def sample(self, sample_shape: torch.Size | tuple[int, ...] = ()) -> Tensor:
        """Data of the space, (*sample_shape, *batch, *shape)."""
        with torch.no_grad():
            return self._typed(self.head(self.parameters).sample(torch.Size(sample_shape)))

    @property
    def mode(self) -> Tensor:
        """The likeliest number in every place; the mean where torch knows no such formula."""
        return self._typed(likeliest(self.head(self.parameters)))

    @property
    def mean(self) -> Tensor:
        """The mean of every number, as floats. Raises NotImplementedError for tokens."""
        if isinstance(self.space, Tokens):
            raise NotImplementedError("tokens are names, and names have no mean: take .mode")
        d = self.head(self.parameters)
        return expected(d) if isinstance(d, Categorical) else d.mean

    @property
    def variance(self) -> Tensor:
        """The variance of every number. Raises NotImplementedError where there is no formula."""
        d = self.head(self.parameters)
        if isinstance(d, Bernoulli | Normal):
            return d.variance
        raise NotImplementedError(f"{type(d).__name__} has no formula of its variance: draw some")

    def _typed(self, x: Tensor) -> Tensor:
        kind = {Pixels: torch.uint8, Tokens: torch.int64}.get(type(self.space))
        return x if kind is None else x.to(kind)


class PixelHead(Component, ABC):
    """What describes all channels of a pixel together, where a `Head` describes one number."""

    @abstractmethod
    def outputs_for(self, space: Pixels) -> int:
        """Parameters for a pixel."""

    @abstractmethod
    def forward(self, parameters: Tensor, space: Pixels) -> Distribution:
        """The distribution over images that `parameters` (..., outputs, height, width) describe."""

    def check(self, space: Space) -> PixelHead:
        """Returns itself; raises ValueError where it does not describe `space`."""
        if not isinstance(space, Pixels):
            raise ValueError(f"{type(self).__name__} describes pixels: it is asked for {space}")
        return self


Describing = Head | PixelHead
"""What describes data: one number at a time, or all channels of a pixel."""


def channels_for(head: Describing, space: Pixels) -> int:
    """Channels of a convolution that describes images of `space`."""
    if isinstance(head, PixelHead):
        return head.outputs_for(space)
    return space.channels * head.outputs


def numbers_for(head: Describing, space: Space) -> int:
    """Outputs of a perceptron that describes data of `space`."""
    if isinstance(head, PixelHead):
        pixels = _pixels(space)
        return head.outputs_for(pixels) * pixels.height * pixels.width
    return space.dims * head.outputs


def observed(head: Describing, out: Tensor, batch: int, space: Space) -> Distribution:
    """What a network says of data, as a distribution.

    Args:
        head: of one number, or of a pixel.
        out: (*batch, channels, height, width) as convolutions give it, or (*batch, numbers) flat.
        batch: how many dimensions are the batch's.
        space: of the data.

    Raises ValueError for a network of another size.
    """
    if out.shape[batch:].numel() != numbers_for(head, space):
        raise ValueError(
            f"the decoder's network gives {tuple(out.shape[batch:])} numbers, but must give "
            f"{_wanted(head, space)}"
        )
    if isinstance(head, PixelHead):
        pixels = _pixels(space)
        shape = (head.outputs_for(pixels), pixels.height, pixels.width)
        return head(out.reshape(*out.shape[:batch], *shape), pixels)
    return Each(head, _per_number(out, batch, space.shape, head.outputs), space)


def _pixels(space: Space) -> Pixels:
    """The space, which `check` has seen to be of pixels."""
    assert isinstance(space, Pixels)
    return space


def _wanted(head: Describing, space: Space) -> str:
    if isinstance(head, PixelHead):
        return f"{head.outputs_for(_pixels(space))} for each pixel of {space}"
    return f"{head.outputs} for each of the {space.dims} of {space}"


def _per_number(out: Tensor, batch: int, shape: tuple[int, ...], outputs: int) -> Tensor:
    """(*batch, *shape, outputs)."""
    if out.dim() == batch + 1:
        return out.unflatten(-1, (*shape, outputs))
    return out.unflatten(batch, (shape[0], outputs)).movedim(batch + 1, -1)


def expected(d: Categorical) -> Tensor:
    """The mean of values 0, 1, ... of these probabilities, which torch does not tell."""
    values = torch.arange(d.probs.shape[-1], dtype=d.probs.dtype, device=d.probs.device)
    return d.probs @ values


class Observation(Component, ABC):
    """p(x | z) of any kind: `forward(z)` (..., latent) is a distribution over data of `space`.

    One that is told something (`given`) is called with that after z, and is p(x | z, y).
    """

    space: Space
    given: Given = None

    @abstractmethod
    def forward(self, z: Tensor, *conditions: Tensor) -> Distribution:
        """p(x | z) for `z` (..., batch, latent) and conditions (batch, ...)."""


class Networked(Observation):
    """One whose parameters a `network` gives for z, and for what is told as a vector."""

    network: nn.Module

    def outputs_for(self, z: Tensor, conditions: tuple[Tensor, ...]) -> Tensor:
        """What the network gives, (..., batch, *its own shape)."""
        return through(self.network, z, as_vector(self.given, conditions, z.dtype))


def through(network: nn.Module, z: Tensor, c: Tensor | None) -> Tensor:
    """What a network of (n, latent), and of c (n, width), gives for latents (..., batch, latent).

    `c` (batch, width) is what is told, None for nothing: (..., batch, *shape of the network's own).
    """
    if z.dim() == 1:
        return through(network, z[None], c)[0]
    z, c = together(z, c)
    flat = None if c is None else c.flatten(0, z.dim() - 2)
    return call(network, z.flatten(0, -2), flat).unflatten(0, z.shape[:-1])


def together(z: Tensor, c: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """Latents (..., batch, latent), and what is told (batch, ...) repeated beside each of them."""
    if c is None:
        return z, None
    batch = torch.broadcast_shapes(z.shape[:-1], c.shape[:1])
    return z.expand(*batch, -1), c.expand(*batch, *c.shape[1:])


class Decoder(Networked):
    """p(x | z) with independent numbers.

    Args:
        network: (n, latent) to (n, channels * head.outputs, height, width), as convolutions give
            it, or to (n, dims * head.outputs), as perceptrons do; where something is told, it is
            called with that too, as a vector (n, `nn.conditions.width_of(given)`).
        space: of the data.
        head: of one number; `usual_head(space)` where None: Bernoulli, categorical, logistic in
            bins or Gaussian. `DiscretizedGaussianHead(levels)` is another for pixels: squared
            error, as a likelihood; `LogitLaplaceHead(levels)` is DALL-E's. `LogisticMixtureHead()`
            is one for all channels of a pixel.
        given: what it is told beside z, such as Labels(10).

    Raises:
        ValueError: where the head does not describe the space.
    """

    def __init__(
        self, network: nn.Module, space: Space, head: Describing | None = None, given: Given = None
    ):
        super().__init__()
        self.network, self.space, self.given = network, space, given
        self.head: Describing = (head or usual_head(space)).check(space)

    def forward(self, z: Tensor, *conditions: Tensor) -> Distribution:
        """p(x | z) for `z` (..., batch, latent) and conditions (batch, ...)."""
        return observed(self.head, self.outputs_for(z, conditions), z.dim() - 1, self.space)
