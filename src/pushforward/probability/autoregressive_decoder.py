"""An autoregressive decoder: p(x | z) = prod_d p(x_d | x_<d, z).

It can model everything by itself, so nothing forces it to listen to z: what it needs no z for, it
will not pay a rate for. `blind` hides the pixels before one with some probability in training (word
dropout), which weakens the decoder.

Generating Sentences from a Continuous Space (Bowman et al., 2016), arXiv:1511.06349, section 3.2;
PixelVAE (Gulrajani et al., 2017), arXiv:1611.05013, eq. 2.
Differs from PixelVAE: a masked perceptron (MADE with a context) instead of masked convolutions.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.distributions import Distribution

from ..core.spaces import Pixels, Reals, Space, Tokens
from ..nn.masked import MaskedMLP, Unrolled
from .decoders import Observation
from .heads import Head, head_for

Choice = Callable[[Distribution], Tensor]


class Chained(Distribution):
    """Data of a space, drawn number by number, each given those before it and a context z."""

    arg_constraints = {}  # noqa: RUF012

    def __init__(self, net: MaskedMLP, head: Head, space: Space, z: Tensor, blind: float = 0.0):
        self.net, self.head, self.space, self.z, self.blind = net, head, space, z, blind
        super().__init__(z.shape[:-1], torch.Size(space.shape), validate_args=False)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log p in nats of data (batch, *shape), with the batch shape of z and it together."""
        event = len(self.event_shape)
        batch = torch.broadcast_shapes(self.batch_shape, value.shape[: value.dim() - event])
        flat = value.expand(*batch, *self.event_shape).reshape(-1, self.space.dims)
        z = self.z.expand(*batch, -1).reshape(len(flat), -1)
        seen = self.head.encode(flat, z.dtype)
        if self.blind:
            seen = seen * (torch.rand_like(seen[..., :1]) >= self.blind)
        return self.head.log_prob(self.net(seen, z), flat).sum(1).view(batch)

    def sample(self, sample_shape: torch.Size | tuple[int, ...] = ()) -> Tensor:
        """Data of the space, (*sample_shape, *batch, *shape)."""
        return self._generated(torch.Size(sample_shape), lambda d: d.sample())

    @property
    def mode(self) -> Tensor:
        """The likeliest number at every step, given those taken before."""
        return self._generated(torch.Size(), likeliest)

    @torch.no_grad()
    def _generated(self, sample_shape: torch.Size, choose: Choice) -> Tensor:
        z = self.z.expand(*sample_shape, *self.z.shape).reshape(-1, self.z.shape[-1])
        kind = {Pixels: torch.uint8, Tokens: torch.int64, Reals: z.dtype}[type(self.space)]
        run = Unrolled(self.net, len(z), z)
        x = torch.empty(len(z), self.space.dims, dtype=kind, device=z.device)
        for i, place in enumerate(self.net.order()):
            x[:, place] = choose(self.head(run.parameters(i))).to(kind)
            run.know(i, self.head.encode(x[:, place], z.dtype))
        return x.view(*sample_shape, *self.batch_shape, *self.event_shape)


def likeliest(d: Distribution) -> Tensor:
    """The mode; the mean where torch knows no mode."""
    try:
        return d.mode.nan_to_num()
    except NotImplementedError:
        return d.mean


class AutoregressiveDecoder(Observation):
    """p(x | z) by a masked perceptron to which z is a context.

    Args:
        space: of the data.
        latent: length of z.
        width, layers: units and hidden layers.
        head: of one number; the plainest of the space where None.
        blind: probability of hiding a number from those after it, in training.
    """

    def __init__(
        self,
        space: Space,
        latent: int,
        width: int = 500,
        layers: int = 1,
        head: Head | None = None,
        blind: float = 0.0,
    ):
        super().__init__()
        if not 0 <= blind <= 1:
            raise ValueError(f"blind must be a probability, not {blind!r}")
        self.space, self.head, self.blind = space, (head or head_for(space)).check(space), blind
        inputs, outputs = self.head.inputs, self.head.outputs
        self.net = MaskedMLP(space.dims, inputs, outputs, width, layers, context=latent)

    def forward(self, z: Tensor) -> Distribution:
        """p(x | z) for `z` (..., latent)."""
        return Chained(self.net, self.head, self.space, z, self.blind if self.training else 0.0)
