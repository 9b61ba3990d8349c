"""Neural ODE as a density: layers become time.

    dx/dt = v(x, t; theta),    log p(x(0)) = log p(x(1)) + int_0^1 tr(dv/dx) dt

No structure is asked of v: any smooth network is a bijection by following it. How exactly it is
followed is the solver's affair, which can be changed after training.

Neural Ordinary Differential Equations (Chen, Rubanova, Bettencourt, Duvenaud, 2018),
arXiv:1806.07366, eqs. 3-5 (adjoint), 8 (trace).
Differs from the paper: one network of both place and time rather than a gated sum of planar fields.
"""

from __future__ import annotations

from torch import Tensor

from ...core.catalogue import example, system
from ...core.given import told
from ...nn.conditions import width_of
from ...nn.velocity import Velocity
from ...probability.priors import StandardNormal
from ...solvers.adjoint import Solver
from ...solvers.continuous import Continuous
from ...solvers.fixed import RungeKutta4
from .flow import Flow


class NeuralODE(Flow):
    """A continuous flow of vectors with the exact trace: a density up to the solver's error.

    Its likelihood is an estimate and says by which solver.

    Args:
        features: length of the vectors.
        width, layers: of the velocity's network.
        solver: by default `DormandPrince()`.
        adjoint: gradients by the adjoint ODE rather than through the solver's steps.
        context: width of a vector that the density is conditional on, or 0.
        classes: number of labels to condition on, before the context; 0 is none.
    """

    def __init__(
        self,
        features: int,
        width: int = 64,
        layers: int = 3,
        solver: Solver | None = None,
        adjoint: bool = True,
        context: int = 0,
        classes: int = 0,
    ):
        given = told(classes, context)
        context = width_of(given)
        velocity = Velocity(features + context, features, width, layers)
        ode = Continuous(velocity, solver, 0, adjoint, context)
        super().__init__(StandardNormal((features,)), [ode], given=given)

    @property
    def ode(self) -> Continuous:
        """The one bijection; its `calls` count how often the network ran."""
        return self.bijection.bijections[0]  # type: ignore[return-value]

    def trajectory(self, z: Tensor, times: list[float], *conditions: Tensor) -> Tensor:
        """Where the noise `z` is at the falling `times` from 1 (noise) to 0 (data)."""
        return self.ode.trajectory(z, times, self._context(len(z), *conditions))


system("neural-ode", lecture=12, title="Neural ODE", paper="arXiv:1806.07366")


@example(data="moons", slow=True)
def neural_ode() -> NeuralODE:
    """The smallest instance."""
    return NeuralODE(2, width=16, layers=2, solver=RungeKutta4(3), adjoint=False)
