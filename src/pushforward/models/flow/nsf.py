"""Neural spline flows: couplings and autoregressive layers that move by splines.

    z_b = RQS(x_b; m(x_a))    or    z_i = RQS(x_i; m_i(x_{<i}))

A monotone rational-quadratic spline bends where an affine map only stretches, and its inverse is
as cheap; so a few layers do what many affine ones do.

Neural Spline Flows (Durkan, Bekasov, Murray, Papamakarios, 2019), arXiv:1906.04032, eqs. 4-8,
section 3.1.
Differs from the paper: plain perceptrons as conditioners; one matrix (by its LU factors) before
each layer, as there, but no affine part before the first.
"""

from __future__ import annotations

from ...core.catalogue import example, system
from ...core.given import told
from ...core.spaces import count
from ...nn.conditions import width_of
from ...nn.masked import MaskedMLP
from ...nn.mlp import MLP
from ...probability.bijections.autoregressive import Autoregressive
from ...probability.bijections.bijection import Bijection
from ...probability.bijections.coupling import Coupling
from ...probability.bijections.linear import LUMixing
from ...probability.bijections.spline import Spline
from ...probability.bijections.splits import Halves
from ...probability.priors import StandardNormal
from .flow import Flow
from .realnvp import least_two


class NSF(Flow):
    """Spline couplings, with a learned matrix before each: RQ-NSF (C).

    Args:
        features: length of the vectors, at least 2.
        couplings: how many.
        width, layers: of the networks that give the splines.
        bins, bound: of the splines; outside [-bound, bound] they are the identity.
        context: width of a vector that the density is conditional on, or 0.
        classes: number of labels to condition on, before the context; 0 is none.
    """

    def __init__(
        self,
        features: int,
        couplings: int = 5,
        width: int = 256,
        layers: int = 2,
        bins: int = 8,
        bound: float = 3.0,
        context: int = 0,
        classes: int = 0,
    ):
        given = told(classes, context)
        context = width_of(given)
        least_two(features)
        steps: list[Bijection] = []
        for i in range(count("couplings", couplings)):
            split, spline = Halves(flip=i % 2 == 1), Spline(bins, bound)
            copied, moved = split.sizes(features)
            net = MLP(copied + context, spline.arity * moved, width, layers)
            steps += [LUMixing(features), Coupling(net, split, spline, context)]
        super().__init__(StandardNormal((features,)), steps, given=given)


class AutoregressiveNSF(Flow):
    """Autoregressive splines, with a learned matrix before each: RQ-NSF (AR).

    Arguments as `NSF`.
    """

    def __init__(
        self,
        features: int,
        couplings: int = 5,
        width: int = 256,
        layers: int = 2,
        bins: int = 8,
        bound: float = 3.0,
        context: int = 0,
        classes: int = 0,
    ):
        given = told(classes, context)
        context = width_of(given)
        steps: list[Bijection] = []
        for _ in range(count("couplings", couplings)):
            spline = Spline(bins, bound)
            net = MaskedMLP(features, 1, spline.arity, width, layers, context=context)
            steps += [LUMixing(features), Autoregressive(net, spline, context)]
        super().__init__(StandardNormal((features,)), steps, given=given)


system("nsf", lecture=5, title="Neural spline flows", paper="arXiv:1906.04032")


@example(data="moons")
def nsf() -> NSF:
    """The smallest instance with couplings."""
    return NSF(2, couplings=2, width=32)


@example(data="moons")
def autoregressive_nsf() -> AutoregressiveNSF:
    """The smallest autoregressive instance."""
    return AutoregressiveNSF(2, couplings=2, width=32, layers=1)
