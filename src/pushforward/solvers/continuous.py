"""A continuous bijection: data carried to noise by an ODE.

    dx/dt = v(x, t), t from 0 (data) to 1 (noise),    log|det dz/dx| = int_0^1 tr(dv/dx) dt

Position and trace are solved together. The trace is exact (a backward pass per dimension) or
Hutchinson's estimate e' (dv/dx) e with probes e that stay the same along the way.

Neural Ordinary Differential Equations (Chen et al., 2018), arXiv:1806.07366, eq. 8;
FFJORD (Grathwohl et al., 2019), arXiv:1810.01367, eqs. 4-8; the regularisers are those of
How to train your neural ODE (Finlay et al., 2020), arXiv:2002.02798, eqs. 6-7.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from torch import Tensor, nn

from ..core.likelihood import probed
from ..core.spaces import count
from ..nn.sums import per_example
from ..probability.bijections.bijection import Bijection, beside
from ..probability.divergence import divergence, rademacher
from .adaptive import DormandPrince
from .adjoint import Solver, solve_adjoint
from .tableau import Field

EXTRA = 3  # log_det, kinetic energy, Jacobian's norm: three numbers carried beside each datum
Probe = Callable[[Tensor, int], Tensor]


_PAID: ContextVar[list[Tensor] | None] = ContextVar("paid", default=None)


@contextmanager
def paying() -> Iterator[list[Tensor]]:
    """A list of what each ODE that runs forwards meanwhile adds: |v|^2 and |e' J|^2, (batch, 2)."""
    paid: list[Tensor] = []
    before = _PAID.set(paid)
    try:
        yield paid
    finally:
        _PAID.reset(before)


def gaussian(x: Tensor, probes: int) -> Tensor:
    """`probes` standard normal vectors for every datum, (probes, *x.shape)."""
    return torch.randn_like(x.expand(probes, *x.shape))


class Continuous(Bijection):
    """An ODE as a bijection.

    Args:
        velocity: (x with the context joined, t) -> dx/dt of x's shape.
        solver: such as `DormandPrince(rtol, atol)` or `RungeKutta4(steps)`.
        probes: Hutchinson's, or 0 for the exact trace.
        adjoint: gradients by the adjoint ODE, in flat memory, rather than through the steps.
        context: width of the context, or 0.
        normal: Gaussian probes rather than Rademacher's signs.
    """

    def __init__(
        self,
        velocity: nn.Module,
        solver: Solver | None = None,
        probes: int = 0,
        adjoint: bool = True,
        context: int = 0,
        normal: bool = False,
    ):
        super().__init__()
        self.velocity: nn.Module = velocity
        self.solver = solver or DormandPrince()
        self.probes = count("probes", probes, 0)
        self.adjoint, self.context, self.normal = adjoint, context, normal
        self.calls = 0  # of the velocity, since it was last set to 0

    @property
    def estimates(self) -> tuple[str, ...]:
        """What the log-determinant is an estimate by."""
        return str(self.solver), probed(self.probes)

    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Data to noise: z, and log|det dz/dx| (batch,), an estimate where there are probes."""
        z, extra = self.carried(x, context, 0.0, 1.0, self.probes)
        if (paid := _PAID.get()) is not None:
            paid.append(extra[:, 1:])
        return z, extra[:, 0]

    def inverse(self, z: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Noise to data: x, and log|det dx/dz| (batch,)."""
        x, extra = self.carried(z, context, 1.0, 0.0, self.probes)
        return x, extra[:, 0]

    def push(self, z: Tensor, context: Tensor | None = None) -> Tensor:
        """Noise to data alone: no trace is computed."""

        def field(t: float, x: Tensor) -> Tensor:
            return self._velocity(x, t, context)

        return self._solve(field, z, context, 1.0, 0.0)

    def trajectory(self, z: Tensor, times: list[float], context: Tensor | None = None) -> Tensor:
        """Where the noise `z` is at the falling `times` from 1 on, (len(times), *z.shape)."""
        with torch.no_grad():
            return self.solver.solve(lambda t, x: self._velocity(x, t, context), z, times)

    def carried(
        self, x: Tensor, context: Tensor | None, start: float, end: float, probes: int
    ) -> tuple[Tensor, Tensor]:
        """`x` at `end`, and (batch, 3): the integrals of tr(J), |v|^2 and |e' J|^2.

        The last two are per dimension; the last is 0 for the exact trace, `probes` = 0.
        """
        shape, draw = x.shape, gaussian if self.normal else rademacher
        noise = draw(x.detach(), probes) if probes else None

        def field(t: float, state: Tensor) -> Tensor:
            x = state[:, :-EXTRA].reshape(shape)
            return _augmented(lambda x: self._velocity(x, t, context), x, noise)

        state = torch.cat([x.flatten(1), x.new_zeros(len(x), EXTRA)], 1)
        state = self._solve(field, state, context, start, end)
        return state[:, :-EXTRA].reshape(shape), state[:, -EXTRA:]

    def _velocity(self, x: Tensor, t: float, context: Tensor | None) -> Tensor:
        self.calls += 1
        # Half precision errs by far more than any tolerance: steps would shrink for nothing.
        with torch.autocast(x.device.type, enabled=False):
            return self.velocity(beside(x, context, self.context), t)

    def _solve(
        self, field: Field, state: Tensor, context: Tensor | None, start: float, end: float
    ) -> Tensor:
        if not (self.adjoint and torch.is_grad_enabled()):
            return self.solver.solve(field, state, (start, end))[-1]
        given = [] if context is None else [context]
        parameters = [*self.velocity.parameters(), *given]
        return solve_adjoint(self.solver, field, state, start, end, parameters)


def _augmented(velocity: Callable[[Tensor], Tensor], x: Tensor, probes: Tensor | None) -> Tensor:
    """[v, tr J, |v|^2 / D, |e' J|^2 / D] for every datum, (batch, D + 3)."""
    if probes is None:
        v, trace = divergence(velocity, x)
        norm = torch.zeros_like(trace)
    else:
        x = x if x.requires_grad else x.detach().requires_grad_()
        with torch.enable_grad():
            v = velocity(x)
            pulled = [_pulled(v, x, e) for e in probes]
            trace = torch.stack([per_example(p * e) for p, e in zip(pulled, probes)]).mean(0)
            norm = torch.stack([p.square().flatten(1).mean(1) for p in pulled]).mean(0)
    energy = v.square().flatten(1).mean(1)
    return torch.cat([v.flatten(1), torch.stack([trace, energy, norm], 1)], 1)


def _pulled(v: Tensor, x: Tensor, e: Tensor) -> Tensor:
    """e' dv/dx."""
    (gradient,) = torch.autograd.grad(v, x, e, create_graph=True, materialize_grads=True)
    return gradient
