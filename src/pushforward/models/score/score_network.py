"""A network that is the score of the data, learned by one of the three score-matching losses.

    s(x) = grad_x log p(x),    x <- x + step s(x) + sqrt(2 step) noise

It shows what score matching alone can do: where there are no data nothing is learned, so Langevin
chains that start there stray. NCSN mends that with noise.

The losses and their papers are in objectives/score_matching.py.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from ...core.catalogue import example
from ...core.contract import Completing, Scored, Terms
from ...core.given import told
from ...core.spaces import Reals, count
from ...nn.conditions import as_vector, width_of
from ...nn.mlp import MLP
from ...objectives.score_matching import ExplicitMatching, Matching
from ...probability.bijections.bijection import beside
from ...solvers.langevin_steps import langevin


class ScoreNetwork(Scored, Completing):
    """One noise level, or none.

    Args:
        space: Reals of about unit scale.
        network: (batch, ...) to the same shape; what the model is told is joined to the channels of
            its input: a one-hot vector for the class, then the context.
        matching: the loss.
        steps: Langevin steps of a sample.
        step: their size.
        classes: how many labels there are; 0 is none.
        context: length of a vector that is told after the label; 0 is none.
    """

    space: Reals

    def __init__(
        self,
        space: Reals,
        network: nn.Module,
        matching: Matching = ExplicitMatching(),  # noqa: B008 (it is frozen)
        steps: int = 500,
        step: float = 0.01,
        classes: int = 0,
        context: int = 0,
    ):
        given = told(count("classes", classes, 0), count("context", context, 0))
        super().__init__(space, given)
        self.network, self.matching = network, matching
        self.steps, self.step = count("steps", steps), step

    def score(self, x: Tensor, t: Tensor | None = None, *conditions: Tensor) -> Tensor:
        """grad_x log p(x); there is one noise level, so `t` is not read."""
        return self._given(conditions)(x)

    def _given(self, conditions: tuple[Tensor, ...]) -> Callable[[Tensor], Tensor]:
        """The score as a function of x alone."""
        context = as_vector(self.given, conditions, self.dtype)
        width = width_of(self.given)
        return lambda x: self.network(beside(x, context, width))

    def loss(self, x: Tensor, *conditions: Tensor) -> Terms:
        """{"score_matching": (batch,)}."""
        return {"score_matching": self.matching(self._given(conditions), x.to(self.dtype))}

    def sample(self, n: int, *conditions: Tensor) -> Tensor:
        """Langevin dynamics from standard normal noise."""
        x = torch.randn(n, *self.space.shape, device=self.device, dtype=self.dtype)
        return langevin(self._given(conditions), x, self.step, self.steps)

    def complete(self, x: Tensor, known: Tensor, *conditions: Tensor) -> Tensor:
        """Data that agree with `x` where `known` (bool, broadcast to x's shape) is true.

        The unknown follow their own components of the score, which is that of p(unknown | known).
        """
        values, score = x.to(self.dtype), self._given(conditions)
        drawn = torch.where(known, values, torch.randn_like(values))
        for _ in range(self.steps):
            drawn = torch.where(known, values, langevin(score, drawn, self.step, 1))
        return torch.where(known, x, drawn.to(x.dtype))


@example(data="moons")
def score_network() -> ScoreNetwork:
    """The smallest instance, with the exact trace in the plane."""
    return ScoreNetwork(Reals((2,)), MLP(2, 2, width=32), steps=50, step=0.02)


@example(data="gaussians8?labels=True")
def score_network_of_classes() -> ScoreNetwork:
    """Each class has a score of its own, and no other where its chains could stay."""
    return ScoreNetwork(Reals((2,)), MLP(10, 2, width=32), steps=50, step=0.02, classes=8)
