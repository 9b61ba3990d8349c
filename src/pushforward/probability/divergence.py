"""The divergence of a vector field: exactly, or by Hutchinson's random projections.

    div f = tr(df/dx) = E[v' (df/dx) v],   E[v v'] = I

A Stochastic Estimator of the Trace of the Influence Matrix (Hutchinson, 1989): the variance is the
least with Rademacher v.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ..nn.sums import per_example

Field = Callable[[Tensor], Tensor]


def divergence(field: Field, x: Tensor) -> tuple[Tensor, Tensor]:
    """field(x) and the trace of its Jacobian, (batch,): one backward pass per dimension.

    Row i of `field(x)` may depend on row i of `x` alone. Gradients flow through both.
    """
    x = _leaf(x)
    with torch.enable_grad():
        value = field(x)
        parts = value.flatten(1).unbind(1)
        rows = [_gradient(part, x).flatten(1)[:, i] for i, part in enumerate(parts)]
        return value, torch.stack(rows, dim=1).sum(1)


def projected_divergence(field: Field, x: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    """field(x) and the mean of v' (df/dx) v over the probes `v`, (probes, *x.shape): (batch,)."""
    x = _leaf(x)
    with torch.enable_grad():
        value = field(x)
        parts = [per_example(_gradient(value * probe, x) * probe) for probe in v]
        return value, torch.stack(parts).mean(0)


def rademacher(x: Tensor, probes: int) -> Tensor:
    """`probes` random signs for every number in `x`, (probes, *x.shape)."""
    return torch.randint_like(x.expand(probes, *x.shape), 2) * 2 - 1


def _leaf(x: Tensor) -> Tensor:
    return x if x.requires_grad else x.detach().requires_grad_()


def _gradient(value: Tensor, x: Tensor) -> Tensor:
    """d sum(value) / dx; zero where x has no part in it, as for a constant field."""
    if not value.requires_grad:
        return torch.zeros_like(x)
    (gradient,) = torch.autograd.grad(
        value.sum(), x, create_graph=True, allow_unused=True, materialize_grads=True
    )
    return gradient
