"""A diagonal Gaussian for each class:  log p(x | y) = sum_d log N(x_d; m_yd, s_yd).

    pushforward check examples/told_diagonal.py
    pushforward train examples/told_diagonal.py:trained

What a model is told, it declares beside its space; the contract then checks the labels wherever
they come in, and the trainer compares them with the data's before the first step.
"""

import torch
from torch import nn

import pushforward as pf


class ToldDiagonal(pf.Density):
    """Conditions come after x and after n, in the order of `given`."""

    def __init__(self, features: int, classes: int):
        super().__init__(pf.Reals((features,)), pf.Labels(classes))
        self.mean = nn.Embedding(classes, features)
        self.log_scale = nn.Embedding(classes, features)

    def log_prob(self, x, y):
        """log p(x | y) in nats, (batch,)."""
        normal = torch.distributions.Normal(self.mean(y), self.log_scale(y).exp())
        return normal.log_prob(x).sum(1)

    def sample(self, n, y):
        """`n` points of the classes `y`, (n,)."""
        return torch.normal(self.mean(y), self.log_scale(y).exp())


@pf.example(data="gaussians8?labels=True")
def told_diagonal() -> ToldDiagonal:
    """The smallest instance: what the laws test."""
    return ToldDiagonal(features=2, classes=8)


def trained(steps: int = 500) -> pf.Experiment:
    """Eight Gaussians, each from its own points."""
    data = pf.data.find("gaussians8?labels=True")
    return pf.Experiment(ToldDiagonal(2, 8), data, pf.Recipe(steps, 256, pf.Adam(5e-2)))
