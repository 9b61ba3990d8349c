"""Sylvester flows: planar ones in M directions at once, with an easy determinant.

    z_k = z_{k-1} + Q R tanh(S Q^T z_{k-1} + b)

Like planar flows they run from the noise to the sample; one step bends space across M hyperplanes
rather than one, which in many dimensions takes planar flows a step each.

`DenseSylvesterFlow` takes Sylvester's identity for any two matrices, at the price of a determinant
of M x M numbers.

Sylvester Normalizing Flows for Variational Inference (van den Berg et al., 2018), arXiv:1803.05649,
theorem 1, eqs. 8-13 and section 4.2 (Householder).
"""

from __future__ import annotations

from ...core.catalogue import example, system
from ...core.given import told
from ...core.spaces import count
from ...nn.conditions import width_of
from ...probability.bijections.bijection import Bijection, Inverse
from ...probability.bijections.dense_sylvester import DenseSylvester
from ...probability.bijections.sylvester import Sylvester
from ...probability.priors import StandardNormal
from .flow import Flow


class SylvesterFlow(Flow):
    """Sylvester steps from standard normal noise to vectors (batch, features).

    Args:
        features: length of the vectors.
        steps: K, how many.
        rank: M, directions in a step; all of them where none is given.
        context: width of a context that gives every step's numbers, or 0.
        classes: number of labels to condition on, before the context; 0 is none.
    """

    def __init__(
        self,
        features: int,
        steps: int = 4,
        rank: int | None = None,
        context: int = 0,
        classes: int = 0,
    ):
        given = told(classes, context)
        maps = [
            Inverse(self._step(features, features if rank is None else rank, width_of(given)))
            for _ in range(count("steps", steps))
        ]
        super().__init__(StandardNormal((features,)), maps, given=given)

    def _step(self, features: int, rank: int, context: int) -> Bijection:
        return Sylvester(features, rank, min(8, features), context)


class DenseSylvesterFlow(SylvesterFlow):
    """The same steps with two dense matrices each: x + A tanh(B x + b)."""

    def _step(self, features: int, rank: int, context: int) -> Bijection:
        return DenseSylvester(features, rank, context)


system("sylvester", lecture=4, title="Sylvester flows", paper="arXiv:1803.05649")


@example(data="moons")
def sylvester() -> SylvesterFlow:
    """The smallest instance."""
    return SylvesterFlow(2, steps=2)


@example(data="moons")
def dense_sylvester() -> DenseSylvesterFlow:
    """The smallest dense instance."""
    return DenseSylvesterFlow(2, steps=2)
