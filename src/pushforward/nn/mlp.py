"""Multilayer perceptron."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

from ..core.blueprint import Component
from ..core.spaces import count


class MLP(Component):
    """(batch, ..., inputs) -> (batch, ..., outputs) by `layers` hidden layers of `width` units."""

    def __init__(self, inputs: int, outputs: int, width: int = 256, layers: int = 2):
        super().__init__()
        sizes = [count("inputs", inputs), *[count("width", width)] * layers]
        hidden = [nn.Sequential(nn.Linear(a, b), nn.SiLU()) for a, b in pairwise(sizes)]
        self.net = nn.Sequential(*hidden, nn.Linear(sizes[-1], count("outputs", outputs)))

    def forward(self, x: Tensor) -> Tensor:
        """The outputs for `x`."""
        return self.net(x)


class FlatMLP(MLP):
    """The same over data of any shape, which are flattened: (batch, *shape) -> (batch, outputs)."""

    def forward(self, x: Tensor) -> Tensor:
        """The outputs for `x`."""
        return super().forward(x.flatten(1))
