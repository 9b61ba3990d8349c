"""log p by the instantaneous change of variables along an ODE that leads from data to noise.

    dx/dt = v(x, t),    log p(x_0) = log p(x_T) + integral_0^T div v(x_t, t) dt

Position and divergence are carried together, by the classical Runge-Kutta rule of fourth order
where no solver is named.

Neural Ordinary Differential Equations (Chen et al., 2018), arXiv:1806.07366, eq. 8.
Score-Based Generative Modeling through Stochastic Differential Equations (Song et al., 2021),
arXiv:2011.13456, eqs. 39-41.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from ..probability.divergence import divergence, projected_divergence
from .adjoint import Solver
from .fixed import RungeKutta4


def flow_to_noise(
    velocity: Callable[[Tensor, float], Tensor],
    x: Tensor,
    times: Sequence[float],
    probes: Tensor | None = None,
    solver: Solver = RungeKutta4(1),  # noqa: B008 (it is frozen)
) -> tuple[Tensor, Tensor]:
    """Where the ODE takes `x` over the rising `times`, and the integral of div v, (batch,).

    The divergence is exact where `probes` is None, else Hutchinson's with those vectors
    (count, *x.shape), the same at all times. The solver steps from each time to the
    next. No gradients are kept.
    """

    def field(t: float, state: Tensor) -> Tensor:
        def here(x: Tensor) -> Tensor:
            return velocity(x, t)

        place = state[:, :-1].reshape(x.shape)
        if probes is None:
            v, d = divergence(here, place)
        else:
            v, d = projected_divergence(here, place, probes)
        return torch.cat([v.flatten(1), d[:, None]], dim=1).detach()

    start = torch.cat([x.flatten(1), x.new_zeros(len(x), 1)], dim=1)
    end = solver.solve(field, start, times)[-1]
    return end[:, :-1].reshape(x.shape), end[:, -1]
