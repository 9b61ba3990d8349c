"""A network that is the score of the data, learned by one of the three score-matching losses.

    s(x) = grad_x log p(x),    x <- x + step s(x) + sqrt(2 step) noise

It shows what score matching alone can do: where there are no data nothing is learned, so Langevin
chains that start there stray. NCSN mends that with noise.

The losses and their papers are in objectives/score_matching.py.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ...core.catalogue import example
from ...core.contract import Scored, Terms
from ...core.spaces import Reals, count
from ...nn.mlp import MLP
from ...objectives.score_matching import ExplicitMatching, Matching
from ...solvers.langevin_steps import langevin


class ScoreNetwork(Scored):
    """One noise level, or none.

    Args:
        space: Reals of about unit scale.
        network: (batch, ...) to the same shape.
        matching: the loss.
        steps: Langevin steps of a sample.
        step: their size.
    """

    space: Reals

    def __init__(
        self,
        space: Reals,
        network: nn.Module,
        matching: Matching = ExplicitMatching(),  # noqa: B008 (it is frozen)
        steps: int = 500,
        step: float = 0.01,
    ):
        super().__init__(space)
        self.network, self.matching = network, matching
        self.steps, self.step = count("steps", steps), step

    def score(self, x: Tensor, t: Tensor | None = None) -> Tensor:
        """grad_x log p(x); there is one noise level, so `t` is not read."""
        return self.network(x)

    def loss(self, x: Tensor) -> Terms:
        """{"score_matching": (batch,)}."""
        return {"score_matching": self.matching(self.score, x.to(self.dtype))}

    def sample(self, n: int) -> Tensor:
        """Langevin dynamics from standard normal noise."""
        x = torch.randn(n, *self.space.shape, device=self.device, dtype=self.dtype)
        return langevin(self.score, x, self.step, self.steps)


@example(data="moons")
def score_network() -> ScoreNetwork:
    """The smallest instance, with the exact trace in the plane."""
    return ScoreNetwork(Reals((2,)), MLP(2, 2, width=32), steps=50, step=0.02)
