"""Planar flows: many simple stretches, each across one hyperplane.

    z_k = z_{k-1} + u_k tanh(w_k.z_{k-1} + b_k)

The steps run from the noise to the sample, so that drawing is quick: what a posterior needs. The
density of a given x needs a root on a line per step; it is exact all the same.

Variational Inference with Normalizing Flows (Rezende & Mohamed, 2015), arXiv:1505.05770, eqs.
10-14.
Differs from the paper: the inverse, which it does not use, is computed, so planar flows can be
fitted to data by maximum likelihood too.
"""

from __future__ import annotations

from ...core.catalogue import example, system
from ...core.given import told
from ...core.spaces import count
from ...nn.conditions import width_of
from ...probability.bijections.bijection import Inverse
from ...probability.bijections.planar import Planar
from ...probability.priors import StandardNormal
from .flow import Flow


class PlanarFlow(Flow):
    """Planar steps from standard normal noise to vectors (batch, features).

    Args:
        features: length of the vectors.
        steps: K, how many.
        context: width of a context that gives every step's u, w, b (a posterior's), or 0.
        classes: number of labels to condition on, before the context; 0 is none.
    """

    def __init__(self, features: int, steps: int = 8, context: int = 0, classes: int = 0):
        given = told(classes, context)
        width = width_of(given)
        maps = [Inverse(Planar(features, width)) for _ in range(count("steps", steps))]
        super().__init__(StandardNormal((features,)), maps, given=given)


system("planar", lecture=4, title="Planar flows", paper="arXiv:1505.05770")


@example(data="moons")
def planar() -> PlanarFlow:
    """The smallest instance."""
    return PlanarFlow(2, steps=3)
