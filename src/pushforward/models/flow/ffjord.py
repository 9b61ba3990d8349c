"""FFJORD: continuous flows whose trace is estimated, so that any network will do in any dimension.

    tr(dv/dx) = E[e' (dv/dx) e],    E[e e'] = I
    loss = -log p(x) + lambda_K int |v|^2 / D dt + lambda_J int |e' dv/dx|^2 / D dt

One backward pass gives an unbiased trace, whatever the dimension. The two penalties straighten the
paths, so that the solver needs fewer steps.

FFJORD (Grathwohl et al., 2019), arXiv:1810.01367, eqs. 4-8; How to train your neural ODE (Finlay
et al., 2020), arXiv:2002.02798, eqs. 6-7.
Differs from the papers: images go through one ODE per scale, with a squeeze before each.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from ...core.catalogue import example, system
from ...core.contract import Bounded, Pushforward, Terms
from ...core.given import told
from ...core.spaces import Pixels, Reals
from ...nn.velocity import ConvVelocity
from ...probability.bijections.bijection import Bijection, Chain
from ...probability.bijections.shapes import FactorOut, Flatten, Squeeze
from ...probability.priors import StandardNormal
from ...solvers.adjoint import Solver
from ...solvers.continuous import Continuous, paying
from ...solvers.fixed import RungeKutta4
from .dequantized import Dequantized
from .flow import Flow
from .neural_ode import NeuralODE
from .realnvp import check_sides


class FFJORD(NeuralODE):
    """A continuous flow of vectors, trained by estimates; its `log_prob` takes the exact trace.

    It is a density up to the solver's error, an estimate that says by which.

    Args:
        features: length of the vectors.
        width, layers: of the velocity's network.
        solver: by default `DormandPrince()`.
        probes: Hutchinson's in training.
        kinetic, jacobian: weights of the two penalties.
        adjoint: gradients by the adjoint ODE rather than through the solver's steps.
        context: width of a vector that the density is conditional on, or 0.
        classes: number of labels to condition on, before the context; 0 is none.
        normal: Gaussian probes rather than Rademacher's signs, whose variance is less.
    """

    def __init__(
        self,
        features: int,
        width: int = 64,
        layers: int = 3,
        solver: Solver | None = None,
        probes: int = 1,
        kinetic: float = 0.0,
        jacobian: float = 0.0,
        adjoint: bool = True,
        context: int = 0,
        classes: int = 0,
        normal: bool = False,
    ):
        super().__init__(features, width, layers, solver, adjoint, context, classes)
        self.ode.normal = normal
        self.probes, self.kinetic, self.jacobian = probes, kinetic, jacobian

    def loss(self, x: Tensor, *conditions: Tensor) -> Terms:
        """{"nll", "kinetic", "jacobian"}: an unbiased estimate in nats, and weighted penalties."""
        context = self._context(len(x), *conditions)
        z, extra = self.ode.carried(x, context, 0.0, 1.0, self.probes)
        log_det, kinetic, jacobian = extra.unbind(1)
        nll = -(self.base.log_prob(z) + log_det)
        return {
            "nll": nll,
            "kinetic": self.kinetic * kinetic,
            "jacobian": self.jacobian * jacobian,
        }


class ImageFFJORD(Bounded, Pushforward):
    """Continuous flows of images at several scales, dequantised uniformly.

    Its `elbo` is an estimate of a lower bound: noise from dequantisation and from the probes does
    not move its mean, the solver's error does. Importance weights would not be a bound, so there
    are none.

    Args:
        space: the images; their sides must be multiples of 2^(scales - 1).
        scales: ODEs, with a squeeze between and half of the channels leaving.
        width, layers: of the velocities' networks.
        solver: by default `DormandPrince()`.
        probes: Hutchinson's.
        adjoint: gradients by the adjoint ODE rather than through the solver's steps.
        alpha: of the logit (see `Dequantized`).
        classes: number of labels to condition on: every velocity is told; 0 is none.
        kinetic, jacobian: weights of the two penalties, summed over the scales.
        normal: Gaussian probes rather than Rademacher's signs.
    """

    def __init__(
        self,
        space: Pixels,
        scales: int = 2,
        width: int = 64,
        layers: int = 3,
        solver: Solver | None = None,
        probes: int = 1,
        adjoint: bool = True,
        alpha: float = 0.05,
        classes: int = 0,
        kinetic: float = 0.0,
        jacobian: float = 0.0,
        normal: bool = False,
    ):
        if not isinstance(space, Pixels):
            raise ValueError(f"ImageFFJORD models Pixels, not {space}: take FFJORD for vectors")
        given = told(classes)
        super().__init__(space, given)
        if scales > 1:
            check_sides(space, scales - 1)

        def odes() -> Iterator[Continuous]:
            channels = space.channels
            for _ in range(scales):
                velocity = ConvVelocity(channels + classes, channels, width, layers)
                yield Continuous(velocity, solver, probes, adjoint, classes, normal)
                channels *= 2

        chain = _scales(space.shape, list(odes()))
        flow = Flow(StandardNormal((space.dims,)), [chain], Reals(space.shape), given)
        self.dequantized = Dequantized(flow, space, alpha=alpha)
        self.kinetic, self.jacobian = kinetic, jacobian

    def loss(self, x: Tensor, *conditions: Tensor) -> Terms:
        """{"negative_elbo", "kinetic", "jacobian"}: the bound in nats, and weighted penalties."""
        with paying() as paid:
            bound = self.elbo(x, *conditions)
        kinetic, jacobian = torch.stack(paid).sum(0).unbind(1)
        return {
            "negative_elbo": -bound,
            "kinetic": self.kinetic * kinetic,
            "jacobian": self.jacobian * jacobian,
        }

    def elbo(self, x: Tensor, *conditions: Tensor, samples: int = 1) -> Tensor:
        """A lower bound on log p(x) in expectation, in nats, (batch,)."""
        return self.dequantized.elbo(x, *conditions, samples=samples)

    def latents(self, n: int) -> Tensor:
        """`n` draws of noise."""
        return self.dequantized.latents(n)

    def push(self, z: Tensor, *conditions: Tensor) -> Tensor:
        """The images that the noise `z` stands for."""
        return self.dequantized.push(z, *conditions)

    def noise(self, x: Tensor, *conditions: Tensor) -> Tensor:
        """The noise of images; `push` gives them back up to the solver's error."""
        return self.dequantized.noise(x, *conditions)


def _scales(shape: tuple[int, int, int], odes: list[Continuous]) -> Bijection:
    """An ODE at this scale and, after a squeeze of which half leaves, the next."""
    if len(odes) == 1:
        return Chain(odes[0], Flatten(shape))
    c, h, w = shape
    rest = _scales((2 * c, h // 2, w // 2), odes[1:])
    return Chain(odes[0], Squeeze(), FactorOut((4 * c, h // 2, w // 2), rest))


system("ffjord", lecture=12, title="FFJORD", paper="arXiv:1810.01367")


@example(data="moons", slow=True)
def ffjord() -> FFJORD:
    """The smallest instance on vectors."""
    return FFJORD(2, width=16, layers=2, solver=RungeKutta4(3), kinetic=0.01, adjoint=False)


@example(data="bars?height=2", slow=True)
def image_ffjord() -> ImageFFJORD:
    """The smallest instance on images."""
    space = Pixels(1, 2, 4, levels=2)
    return ImageFFJORD(space, width=8, layers=1, solver=RungeKutta4(2), adjoint=False)
