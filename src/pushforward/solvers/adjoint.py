"""Gradients through an ODE by solving another one backwards, with memory that does not grow.

    a(t) = dL/dy(t),    da/dt = -a df/dy,    dL/dtheta = -int a df/dtheta dt

Nothing of the way there is kept: the state is found again on the way back, beside its adjoint. The
gradients are those of the true solution up to the solver's error, not of the discrete steps.

Neural Ordinary Differential Equations (Chen et al., 2018), arXiv:1806.07366, eqs. 3-5, algorithm 1.
The step is judged by state and adjoint alone, not by the parameters' integral: "Hey, that's not an
ODE" (Kidger, Chen, Lyons, 2021), arXiv:2009.09457.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Protocol

import torch
from torch import Tensor

from .adaptive import DormandPrince
from .tableau import Field


class Solver(Protocol):
    """Anything with `solve`."""

    def solve(self, field: Field, y: Tensor, times: Sequence[float]) -> Tensor:
        """The states (len(times), *y.shape) at `times`."""


def solve_adjoint(
    solver: Solver,
    field: Field,
    y: Tensor,
    start: float,
    end: float,
    parameters: Sequence[Tensor],
) -> Tensor:
    """The state at `end`, whose gradients with respect to `y` and `parameters` are the adjoint's.

    `parameters` are all tensors that `field` depends on and that need gradients.
    """
    wanted = [p for p in parameters if p.requires_grad]
    return _Adjoint.apply(solver, field, start, end, y, *wanted)


class _Adjoint(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        solver: Solver,
        field: Field,
        start: float,
        end: float,
        y: Tensor,
        *parameters: Tensor,
    ) -> Tensor:
        with torch.no_grad():
            state = solver.solve(field, y, (start, end))[-1]
        ctx.solver, ctx.field, ctx.span = solver, field, (start, end)
        ctx.save_for_backward(state, *parameters)
        return state

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        state, *parameters = ctx.saved_tensors
        start, end = ctx.span
        n = state.numel()
        sizes = [n, n, *(p.numel() for p in parameters)]

        def backwards(t: float, packed: Tensor) -> Tensor:
            y, a = packed[: 2 * n].chunk(2)
            with torch.enable_grad():
                y = y.view_as(state).detach().requires_grad_()
                slope = ctx.field(t, y)
                pulled = torch.autograd.grad(
                    slope, [y, *parameters], -a.view_as(state), materialize_grads=True
                )
            return torch.cat([v.detach().flatten() for v in (slope, *pulled)])

        zeros = [state.new_zeros(size) for size in sizes[2:]]
        packed = torch.cat([state.flatten(), gradient.flatten(), *zeros])
        solver = _judging(ctx.solver, 2 * n)
        with torch.no_grad():
            packed = solver.solve(backwards, packed, (end, start))[-1]
        _, a, *pulled = packed.split(sizes)
        found = [g.view_as(p) for g, p in zip(pulled, parameters)]
        return (None, None, None, None, a.view_as(state), *found)


def _judging(solver: Solver, leading: int) -> Solver:
    return replace(solver, judged=leading) if isinstance(solver, DormandPrince) else solver
