"""A discriminative classifier: a density of the label, given the data.

    log p(y | x) = log softmax(network(x))_y,        loss = cross-entropy

It learns where classes part, and nothing about x itself: far from all data it is as sure as near
them. As a model of labels it is a `Density` over Tokens(1, classes) whose condition is x, so that
the one trainer trains it.

Goodfellow, Shlens, Szegedy (2015), arXiv:1412.6572, on how little noise fools it.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ...core.contract import Density
from ...core.spaces import Pixels, Space, Tokens


class DiscriminativeClassifier(Density):
    """p(y | x) by a network: a model of labels that is told x.

    Args:
        given: the space of x.
        network: (batch, dims of x) -> (batch, classes); images come scaled to [-1, 1].
        classes: how many.
    """

    given: Space

    def __init__(self, given: Space, network: nn.Module, classes: int):
        super().__init__(Tokens(1, classes), given)
        self.network = network

    def floats(self, x: Tensor) -> Tensor:
        """What the network sees of x: images in [-1, 1], of x's shape."""
        x = self.given.check(x)
        if isinstance(self.given, Pixels):
            return self.given.to_signed(x, self.dtype)
        return x.to(self.dtype)

    def classify(self, x: Tensor) -> Tensor:
        """Log p(y | x) for every class, (batch, classes)."""
        return self.classify_floats(self.floats(x))

    def classify_floats(self, x: Tensor) -> Tensor:
        """The same from floats, through which a gradient runs to x."""
        return self.network(x.flatten(1)).log_softmax(1)

    def log_prob(self, y: Tensor, x: Tensor) -> Tensor:
        """Log p(y | x) of labels (batch, 1) for data x, (batch,) in nats."""
        return self.classify(x).gather(1, y)[:, 0]

    def sample(self, n: int, x: Tensor) -> Tensor:
        """A label for each of n data x: (n, 1)."""
        if len(x) != n:
            raise ValueError(f"n must be the number of the data, {len(x)}, not {n}")
        return torch.multinomial(self.classify(x).exp(), 1)
