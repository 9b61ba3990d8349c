"""Multilayer perceptron."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

from ..core.blueprint import Component
from ..core.spaces import count
from .told import check_context, joined


class MLP(Component):
    """(batch, ..., inputs) -> (batch, ..., outputs) by `layers` hidden layers of `width` units.

    With a `context` it is told a vector c (batch, context), which is joined to the input.
    """

    def __init__(
        self, inputs: int, outputs: int, width: int = 256, layers: int = 2, context: int = 0
    ):
        super().__init__()
        self.context = count("context", context, 0)
        sizes = [count("inputs", inputs) + context, *[count("width", width)] * layers]
        hidden = [nn.Sequential(nn.Linear(a, b), nn.SiLU()) for a, b in pairwise(sizes)]
        self.net = nn.Sequential(*hidden, nn.Linear(sizes[-1], count("outputs", outputs)))

    def forward(self, x: Tensor, c: Tensor | None = None) -> Tensor:
        """The outputs for `x`, told `c` (batch, context). Raises ValueError for another width."""
        return self.net(joined(x, check_context(c, self.context, type(self).__name__)))


class FlatMLP(MLP):
    """The same over data of any shape, which are flattened: (batch, *shape) -> (batch, outputs)."""

    def forward(self, x: Tensor, c: Tensor | None = None) -> Tensor:
        """The outputs for `x`, told `c` (batch, context)."""
        return super().forward(x.flatten(1), c)
