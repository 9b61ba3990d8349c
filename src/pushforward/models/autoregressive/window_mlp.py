"""An autoregressive perceptron with a window: a Markov model of order w.

    p(x) = prod_i p(x_i | x_{i-w}, ..., x_{i-1}),    one perceptron for every i

A table of x_i given w numbers of K values each has K^w rows; a perceptron shares what it learns
between them, and all places share the perceptron. What lies further back than the window is lost:
that is what recurrent networks, masks and dilated convolutions are for.

A Neural Probabilistic Language Model (Bengio et al., 2003), JMLR 3, section 2.
Differs from the paper: numbers enter as the head has them, words one-hot (an embedding is the first
layer's matrix); what lies before the first number is marked as such.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from ...core.catalogue import example, system
from ...core.given import told
from ...core.spaces import Pixels, Space, Tokens, count
from ...nn.conditions import width_of
from ...nn.mlp import MLP
from ...probability.discretized import usual_head
from ...probability.heads import Head
from .factorised import Factorised, Run


class WindowMLP(Factorised):
    """An exact density over images or sequences, given a class, a vector, both or nothing.

    Args:
        space: Pixels (in raster order) or Tokens.
        window: how many numbers are seen before each; all, where there are fewer.
        width: units in a hidden layer.
        layers: hidden layers.
        head: the conditionals; by default `usual_head(space)`.
        classes: number of labels to condition on; 0 is none.
        context: length of a vector to condition on, after the label; 0 is none.
    """

    def __init__(
        self,
        space: Space,
        window: int = 16,
        width: int = 128,
        layers: int = 1,
        head: Head | None = None,
        classes: int = 0,
        context: int = 0,
    ):
        if not isinstance(space, Pixels | Tokens):
            raise ValueError(f"WindowMLP models Pixels or Tokens, not {space}")
        given = told(classes, context)
        super().__init__(space, head or usual_head(space), given)
        self.window = count("window", window)
        inputs = window * (self.head.inputs + 1)
        self.net = MLP(inputs, self.head.outputs, width, count("layers", layers), width_of(given))

    def conditionals(self, x: Tensor, *conditions: Tensor) -> Tensor:
        """Parameters (batch, dims, outputs): row i sees `window` numbers before i."""
        past = F.pad(self.entered(self.flatten(x)[:, :-1]), (0, 0, self.window, 0))
        return self.net(past.unfold(1, self.window, 1).flatten(2), self.vector(*conditions))

    def entered(self, values: Tensor) -> Tensor:
        """Numbers (...) as the network sees them, (..., inputs + 1): with a 1 for being there."""
        seen = self.head.encode(values, self.dtype)
        return torch.cat([seen, torch.ones_like(seen[..., :1])], -1)

    def run(self, n: int, *conditions: Tensor) -> Run:
        """Sampling with the window kept: one pass of the perceptron a number."""
        return _Sliding(self, n, self.vector(*conditions))


class _Sliding(Run):
    def __init__(self, model: WindowMLP, n: int, z: Tensor | None):
        self.model, self.z = model, z
        shape = (n, model.head.inputs + 1, model.window)
        self.past = torch.zeros(shape, device=model.device, dtype=model.dtype)

    def parameters(self, i: int) -> Tensor:
        return self.model.net(self.past.flatten(1), self.z)

    def know(self, i: int, values: Tensor) -> None:
        self.past = torch.cat([self.past[..., 1:], self.model.entered(values)[..., None]], -1)


system(
    "window-mlp",
    lecture=2,
    title="Autoregressive perceptron with a window",
    paper="Bengio et al., 2003",
)


@example(data="bars?height=2")
def window_mlp() -> WindowMLP:
    """On tiny images: the density can be summed."""
    return WindowMLP(Pixels(1, 2, 4, levels=2), window=4, width=32)
