"""Multilayer perceptron."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

from ..core.blueprint import Component
from ..core.spaces import count
from .told import check_context, joined

EMBEDDING = 16  # numbers as which a token enters
ACTIVATIONS: dict[str, type[nn.Module]] = {
    "silu": nn.SiLU,
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "softplus": nn.Softplus,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
}


def activation_called(name: str) -> type[nn.Module]:
    """The activation of that name. Raises ValueError, naming those that there are."""
    if name not in ACTIVATIONS:
        raise ValueError(f"activation must be one of {', '.join(ACTIVATIONS)}, not {name!r}")
    return ACTIVATIONS[name]


class MLP(Component):
    """(batch, ..., inputs) -> (batch, ..., outputs) by hidden layers.

    Args:
        inputs: numbers that come in.
        outputs: numbers that go out.
        width: units of every hidden layer, or a tuple with those of each, in place of `layers`.
        layers: hidden layers.
        context: length of a vector c (batch, context) that is joined to the input; 0 is none.
        activation: between layers: silu, relu, leaky_relu, elu, gelu, softplus, tanh or sigmoid.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        width: int | Sequence[int] = 256,
        layers: int = 2,
        context: int = 0,
        activation: str = "silu",
    ):
        super().__init__()
        self.context = count("context", context, 0)
        widths = list(width) if isinstance(width, Sequence) else [width] * layers
        sizes = [count("inputs", inputs) + context, *(count("width", w) for w in widths)]
        between = activation_called(activation)
        hidden = [nn.Sequential(nn.Linear(a, b), between()) for a, b in pairwise(sizes)]
        self.net = nn.Sequential(*hidden, nn.Linear(sizes[-1], count("outputs", outputs)))

    def forward(self, x: Tensor, c: Tensor | None = None) -> Tensor:
        """The outputs for `x`, told `c` (batch, context). Raises ValueError for another width."""
        return self.net(joined(x, check_context(c, self.context, type(self).__name__)))


class FlatMLP(MLP):
    """The same over data of any shape, which are flattened: (batch, *shape) -> (batch, outputs)."""

    def forward(self, x: Tensor, c: Tensor | None = None) -> Tensor:
        """The outputs for `x`, told `c` (batch, context)."""
        return super().forward(x.flatten(1), c)


class EmbeddedMLP(MLP):
    """The same over tokens: int64 (batch, *shape), `inputs` each -> (batch, outputs).

    Every token enters as a learned vector of `EMBEDDING` numbers.
    """

    def __init__(
        self,
        vocabulary: int,
        inputs: int,
        outputs: int,
        width: int | Sequence[int] = 256,
        layers: int = 2,
        context: int = 0,
        activation: str = "silu",
    ):
        super().__init__(inputs * EMBEDDING, outputs, width, layers, context, activation)
        self.embed = nn.Embedding(count("vocabulary", vocabulary), EMBEDDING)

    def forward(self, x: Tensor, c: Tensor | None = None) -> Tensor:
        """The outputs for tokens `x`, told `c` (batch, context)."""
        return super().forward(self.embed(x.flatten(1)).flatten(1), c)
