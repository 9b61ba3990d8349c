"""Networks for vector fields dx/dt = v(x, t): smooth, and told the time at every layer.

    h' = act((W h + b) * sigmoid(w t + c) + d t)

FFJORD (Grathwohl et al., 2019), arXiv:1810.01367, appendix B.1 (the layer of its code).
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from ..core.blueprint import Component
from ..core.spaces import count


class _Squash(nn.Module):
    """A layer whose outputs the time scales and shifts, per channel."""

    def __init__(self, layer: nn.Linear | nn.Conv2d, channels: int):
        super().__init__()
        self.layer = layer
        self.time = nn.Linear(1, 2 * channels)

    def forward(self, h: Tensor, t: float) -> Tensor:
        h = self.layer(h)
        gate, shift = self.time(h.new_full((1, 1), t)).chunk(2, 1)
        gate, shift = (v.reshape(1, -1, *[1] * (h.dim() - 2)) for v in (gate, shift))
        return h * torch.sigmoid(gate) + shift


class Velocity(Component):
    """(batch, inputs) at time t -> (batch, outputs).

    Args:
        inputs: features, with the context's where there is one.
        outputs: features.
        width, layers: of the hidden layers, with tanh.
    """

    def __init__(self, inputs: int, outputs: int, width: int = 64, layers: int = 3):
        super().__init__()
        sizes = [count("inputs", inputs), *[count("width", width)] * layers, outputs]
        self.layers = nn.ModuleList(_Squash(nn.Linear(a, b), b) for a, b in pairwise(sizes))

    def forward(self, x: Tensor, t: float) -> Tensor:
        """The velocity of `x` at time `t`."""
        for layer in self.layers[:-1]:
            x = torch.tanh(layer(x, t))
        return self.layers[-1](x, t)


class ConvVelocity(Component):
    """Maps (batch, inputs, h, w) at time t -> (batch, outputs, h, w), by 3x3 convolutions.

    Args:
        inputs, outputs: channels.
        width, layers: of the hidden layers, with softplus.
    """

    def __init__(self, inputs: int, outputs: int, width: int = 64, layers: int = 3):
        super().__init__()
        sizes = [count("inputs", inputs), *[count("width", width)] * layers, outputs]
        convs = [(nn.Conv2d(a, b, 3, padding=1), b) for a, b in pairwise(sizes)]
        self.layers = nn.ModuleList(_Squash(conv, b) for conv, b in convs)

    def forward(self, x: Tensor, t: float) -> Tensor:
        """The velocity of `x` at time `t`."""
        for layer in self.layers[:-1]:
            x = nn.functional.softplus(layer(x, t))
        return self.layers[-1](x, t)
