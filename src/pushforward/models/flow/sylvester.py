"""Sylvester flows: planar ones in M directions at once, with an easy determinant.

    z_k = z_{k-1} + Q R tanh(S Q^T z_{k-1} + b)

Like planar flows they run from the noise to the sample; one step bends space across M hyperplanes
rather than one, which in many dimensions takes planar flows a step each.

Sylvester Normalizing Flows for Variational Inference (van den Berg et al., 2018), arXiv:1803.05649,
eqs. 8-13 and section 4.2 (Householder).
"""

from __future__ import annotations

from ...core.catalogue import example, system
from ...core.given import told
from ...core.spaces import count
from ...nn.conditions import width_of
from ...probability.bijections.bijection import Inverse
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
        rank = features if rank is None else rank
        reflections = min(8, features)
        maps = [
            Inverse(Sylvester(features, rank, reflections, width_of(given)))
            for _ in range(count("steps", steps))
        ]
        super().__init__(StandardNormal((features,)), maps, given=given)


system("sylvester", lecture=4, title="Sylvester flows", paper="arXiv:1803.05649")


@example(data="moons")
def sylvester() -> SylvesterFlow:
    """The smallest instance."""
    return SylvesterFlow(2, steps=2)
