"""IAF: masked autoregressive layers from the noise to the data.

    x_i = z_i e^{s_i(z_{<i})} + t_i(z_{<i})

MAF the other way round: a sample and *its own* density cost one pass, which is what a posterior or
a student of distillation needs; the density of anything else costs D.

Improving Variational Inference with Inverse Autoregressive Flow (Kingma et al., 2016),
arXiv:1606.04934, eqs. 10-11.
Differs from the paper: an affine step rather than the gated one (eq. 13).
"""

from __future__ import annotations

from ...core.catalogue import example, system
from ...core.given import told
from ...nn.conditions import width_of
from ...probability.bijections.bijection import Inverse
from ...probability.bijections.elementwise import Elementwise
from ...probability.priors import StandardNormal
from .flow import Flow
from .maf import autoregressive_steps


class IAF(Flow):
    """Inverse autoregressive layers, over Reals((features,)).

    Args:
        features: length of the vectors.
        couplings: autoregressive layers.
        width, layers: units and hidden layers of each masked network.
        map: how a number is moved; affine where none is given.
        context: width of a vector that the density is conditional on (a posterior's), or 0.
        classes: number of labels to condition on, before the context; 0 is none.
    """

    def __init__(
        self,
        features: int,
        couplings: int = 4,
        width: int = 320,
        layers: int = 1,
        map: Elementwise | None = None,
        context: int = 0,
        classes: int = 0,
    ):
        given = told(classes, context)
        told_width = width_of(given)
        steps = autoregressive_steps(features, couplings, width, layers, map, told_width, False)
        inverted = [Inverse(step) for step in steps]
        super().__init__(StandardNormal((features,)), inverted, given=given)


system("iaf", lecture=5, title="Inverse autoregressive flow", paper="arXiv:1606.04934")


@example(data="moons")
def iaf() -> IAF:
    """The smallest instance."""
    return IAF(2, couplings=3, width=32)
