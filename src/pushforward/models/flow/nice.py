"""NICE: volume-preserving additive couplings.

    y_a = x_a,    y_b = x_b + m(x_a),    log|det J| = 0

A part that is copied lets the other part be shifted by anything at all: inverse and determinant
never touch the network m. A scale per dimension at the end gives the volume back.

NICE: Non-linear Independent Components Estimation (Dinh, Krueger, Bengio, 2014), arXiv:1410.8516,
eqs. 4-6, section 3.3 (scaling), 3.4 (logistic prior).
"""

from __future__ import annotations

from ...core.catalogue import example, system
from ...core.given import told
from ...core.spaces import count
from ...nn.conditions import width_of
from ...nn.mlp import MLP
from ...probability.bijections.bijection import Bijection
from ...probability.bijections.coupling import Coupling
from ...probability.bijections.elementwise import Additive
from ...probability.bijections.linear import Scale
from ...probability.bijections.splits import Alternate
from ...probability.priors import StandardLogistic
from .flow import Flow
from .realnvp import least_two


class NICE(Flow):
    """Additive couplings of odd and even features, then one scaling, over logistic noise.

    Args:
        features: length of the vectors, at least 2.
        couplings: how many.
        width, layers: of the networks that give the shift.
        context: width of a vector that the density is conditional on, or 0.
        classes: number of labels to condition on, before the context; 0 is none.
    """

    def __init__(
        self,
        features: int,
        couplings: int = 4,
        width: int = 1000,
        layers: int = 5,
        context: int = 0,
        classes: int = 0,
    ):
        least_two(features)
        given = told(classes, context)
        context = width_of(given)
        bijections: list[Bijection] = []
        for i in range(count("couplings", couplings)):
            split = Alternate(flip=i % 2 == 1)
            copied, moved = split.sizes(features)
            net = MLP(copied + context, moved, width, layers)
            bijections.append(Coupling(net, split, Additive(), context))
        steps = [*bijections, Scale(features)]
        super().__init__(StandardLogistic((features,)), steps, given=given)


system("nice", lecture=4, title="NICE", paper="arXiv:1410.8516")


@example(data="moons")
def nice() -> NICE:
    """The smallest instance."""
    return NICE(2, width=32, layers=2)
