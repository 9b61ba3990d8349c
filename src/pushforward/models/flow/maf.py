"""MAF: masked autoregressive layers, stacked, from the data to the noise.

    z_i = (x_i - mu_i(x_{<i})) e^{-alpha_i(x_{<i})},    log|det| = -sum_i alpha_i

An autoregressive model with Gaussian conditionals is a flow: its noise is what the conditionals
leave unexplained, and the next layer, in reversed order, models that. The density costs one pass
through every layer, a sample one pass too by the cached inverse.

Masked Autoregressive Flow for Density Estimation (Papamakarios, Pavlakou, Murray, 2017),
arXiv:1705.07057, eqs. 2-6, section 3.5 (batch norm), 3.3 (mixture conditionals).
Differs from the paper: the scale multiplies, z = x e^s + t, and is bounded softly; mixtures of
logistics through their CDF (`map=LogisticMixture(K)`) stand for mixtures of Gaussians in the base.
"""

from __future__ import annotations

from ...core.catalogue import example, system
from ...core.given import told
from ...core.spaces import count
from ...nn.conditions import width_of
from ...nn.masked import MaskedMLP
from ...probability.bijections.autoregressive import Autoregressive
from ...probability.bijections.bijection import Bijection
from ...probability.bijections.elementwise import Affine, Elementwise
from ...probability.bijections.normalisation import BatchNorm
from ...probability.bijections.shapes import Reverse
from ...probability.priors import StandardNormal
from .flow import Flow


class MAF(Flow):
    """Autoregressive layers in alternating order, a density over Reals((features,)).

    Args:
        features: length of the vectors.
        couplings: autoregressive layers.
        width, layers: units and hidden layers of each masked network.
        map: how a number is moved: affine (Gaussian conditionals) where none is given.
        context: width of a vector that the density is conditional on, or 0.
        classes: number of labels to condition on, before the context; 0 is none.
        normalised: batch normalisation between layers.
    """

    def __init__(
        self,
        features: int,
        couplings: int = 5,
        width: int = 512,
        layers: int = 1,
        map: Elementwise | None = None,
        context: int = 0,
        normalised: bool = False,
        classes: int = 0,
    ):
        given = told(classes, context)
        steps = autoregressive_steps(
            features, couplings, width, layers, map, width_of(given), normalised
        )
        super().__init__(StandardNormal((features,)), steps, given=given)


def autoregressive_steps(
    features: int,
    couplings: int,
    width: int,
    layers: int,
    map: Elementwise | None,
    context: int,
    normalised: bool,
) -> list[Bijection]:
    """Autoregressive layers with a reversal (and batch normalisation) between any two."""
    map = map or Affine()
    steps: list[Bijection] = []
    for i in range(count("couplings", couplings)):
        net = MaskedMLP(features, 1, map.arity, width, layers, context=context)
        between = [BatchNorm(features)] if normalised else []
        steps += [*between, Reverse()] if i else []
        steps.append(Autoregressive(net, map, context))
    return steps


system("maf", lecture=5, title="Masked autoregressive flow", paper="arXiv:1705.07057")


@example(data="moons")
def maf() -> MAF:
    """The smallest instance."""
    return MAF(2, couplings=3, width=32)
