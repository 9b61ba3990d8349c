"""A linear layer that remembers how it was built."""

from __future__ import annotations

from torch import Tensor, nn

from ..core.blueprint import Component


class Linear(Component):
    """(batch, ..., inputs) -> (batch, ..., outputs)."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.linear = nn.Linear(inputs, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """The outputs for `x`."""
        return self.linear(x)
