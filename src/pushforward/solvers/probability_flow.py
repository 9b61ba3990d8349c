"""log p by the instantaneous change of variables along an ODE that leads from data to noise.

    dx/dt = v(x, t),    log p(x_0) = log p(x_T) + integral_0^T div v(x_t, t) dt

Position and divergence are carried together by the classical Runge-Kutta rule of fourth order.

Neural Ordinary Differential Equations (Chen et al., 2018), arXiv:1806.07366, eq. 8.
Score-Based Generative Modeling through Stochastic Differential Equations (Song et al., 2021),
arXiv:2011.13456, eqs. 39-41.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor

from ..probability.divergence import divergence, projected_divergence


def flow_to_noise(
    velocity: Callable[[Tensor, float], Tensor],
    x: Tensor,
    times: Sequence[float],
    probes: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Where the ODE takes `x` over the rising `times`, and the integral of div v, (batch,).

    The divergence is exact where `probes` is None, else Hutchinson's with those vectors
    (count, *x.shape), the same at all times. No gradients are kept.
    """

    def both(x: Tensor, t: float) -> tuple[Tensor, Tensor]:
        def field(x: Tensor) -> Tensor:
            return velocity(x, t)

        v, d = divergence(field, x) if probes is None else projected_divergence(field, x, probes)
        return v.detach(), d.detach()

    total = torch.zeros(len(x), device=x.device, dtype=x.dtype)
    for t, after in pairwise(times):
        h = after - t
        v1, d1 = both(x, t)
        v2, d2 = both(x + h / 2 * v1, t + h / 2)
        v3, d3 = both(x + h / 2 * v2, t + h / 2)
        v4, d4 = both(x + h * v3, after)
        x = x + h / 6 * (v1 + 2 * v2 + 2 * v3 + v4)
        total = total + h / 6 * (d1 + 2 * d2 + 2 * d3 + d4)
    return x, total
