"""A decoder whose pixels are mixtures of discretised logistics, with channels coupled.

    log p(x | z) = sum_pixels log sum_k w_k prod_c P(x_c | x_<c; m_kc, s_kc)

Given z pixels are independent; the channels of one pixel are not, because a component is chosen for
all of them and moves a channel's mean with those before it.

PixelCNN++ (Salimans et al., 2017), arXiv:1701.05517, eqs. 1-3; deep VAEs took this likelihood over:
`DeepVAE(space, head=LogisticMixtureHead())`.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from ..core.given import Given
from ..core.spaces import Pixels, Space, count
from .decoders import Decoder, PixelHead
from .discretized import DiscretizedLogisticMixture


class PixelMixtures(Distribution):
    """Images with independent pixels; `parameters` are (..., outputs, height, width)."""

    arg_constraints = {}  # noqa: RUF012

    def __init__(self, parameters: Tensor, space: Pixels):
        self.parameters, self.space = parameters, space
        super().__init__(parameters.shape[:-3], torch.Size(space.shape), validate_args=False)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log p in nats of images (batch, *shape), with the batch shape of z and it together."""
        batch = torch.broadcast_shapes(self.batch_shape, value.shape[:-3])
        images = value.expand(*batch, *self.event_shape).reshape(-1, *self.event_shape)
        return self._flat(batch).log_prob(images).view(batch)

    def sample(self, sample_shape: torch.Size | tuple[int, ...] = ()) -> Tensor:
        """uint8 images (*sample_shape, *batch, *shape)."""
        batch = torch.Size((*sample_shape, *self.batch_shape))
        return self._flat(batch).sample().view(*batch, *self.event_shape)

    @property
    def mode(self) -> Tensor:
        """The centre of the heaviest component in every pixel, uint8."""
        return self._flat(self.batch_shape).mode.view(*self.batch_shape, *self.event_shape)

    @property
    def mean(self) -> Tensor:
        """Raises NotImplementedError: values are clipped, and channels move one another."""
        raise NotImplementedError(
            "a mixture of coupled logistics has no formula of its mean: average .sample((n,)), or "
            "take .mode"
        )

    def _flat(self, batch: torch.Size) -> DiscretizedLogisticMixture:
        parameters = self.parameters.expand(*batch, *self.parameters.shape[-3:])
        each = parameters.reshape(-1, *parameters.shape[-3:])
        return DiscretizedLogisticMixture(each, self.space.channels, self.space.levels)


class LogisticMixtureHead(PixelHead):
    """A mixture of `components` logistics for a pixel, its channels coupled.

    >>> LogisticMixtureHead(10).outputs_for(Pixels(3, 32, 32))
    100
    """

    def __init__(self, components: int = 10):
        super().__init__()
        self.components = count("components", components)

    def outputs_for(self, space: Pixels) -> int:
        """Parameters for a pixel."""
        return DiscretizedLogisticMixture.outputs(space.channels, self.components)

    def forward(self, parameters: Tensor, space: Pixels) -> PixelMixtures:
        """Images of `space`."""
        return PixelMixtures(parameters, space)

    def check(self, space: Space) -> LogisticMixtureHead:
        """Returns itself; raises ValueError where `space` is not of pixels."""
        if not isinstance(space, Pixels):
            raise ValueError(f"logistics describe pixels: the decoder is asked for {space}")
        return self


class LogisticMixtureDecoder(Decoder):
    """p(x | z) by a `LogisticMixtureHead`. Raises ValueError for spaces other than pixels.

    Args:
        network: (n, latent) to (n, outputs, height, width), or to as many numbers flat.
        space: of the images.
        components: of each pixel's mixture; `outputs(space, components)` is what they need.
        given: what it is told beside z, as of a `Decoder`.
    """

    def __init__(
        self, network: nn.Module, space: Pixels, components: int = 10, given: Given = None
    ):
        super().__init__(network, space, LogisticMixtureHead(components), given)

    @staticmethod
    def outputs(space: Pixels, components: int) -> int:
        """Parameters for a pixel."""
        return LogisticMixtureHead(components).outputs_for(space)
