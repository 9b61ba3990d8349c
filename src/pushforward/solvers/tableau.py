"""Explicit Runge-Kutta rules as tables.

    k_i = f(t + c_i h, y + h sum_{j<i} a_ij k_j),    y' = y + h sum_i b_i k_i

Hairer, Norsett, Wanner, Solving Ordinary Differential Equations I (1993), II.1 and table II.5.2.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

Field = Callable[[float, Tensor], Tensor]
"""dy/dt from the time and the state; of the state's shape."""


@dataclass(frozen=True)
class Tableau:
    """A rule's coefficients; `error` is b less the embedded rule's b, where there is one."""

    order: int
    c: tuple[float, ...]
    a: tuple[tuple[float, ...], ...]
    b: tuple[float, ...]
    error: tuple[float, ...] = ()


EULER = Tableau(1, (0,), ((),), (1,))
MIDPOINT = Tableau(2, (0, 1 / 2), ((), (1 / 2,)), (0, 1))
HEUN = Tableau(2, (0, 1), ((), (1,)), (1 / 2, 1 / 2))
RK4 = Tableau(
    4,
    (0, 1 / 2, 1 / 2, 1),
    ((), (1 / 2,), (0, 1 / 2), (0, 0, 1)),
    (1 / 6, 1 / 3, 1 / 3, 1 / 6),
)
_B = (35 / 384, 0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84)
_B4 = (5179 / 57600, 0, 7571 / 16695, 393 / 640, -92097 / 339200, 187 / 2100, 1 / 40)
DORMAND_PRINCE = Tableau(
    5,
    (0, 1 / 5, 3 / 10, 4 / 5, 8 / 9, 1, 1),
    (
        (),
        (1 / 5,),
        (3 / 40, 9 / 40),
        (44 / 45, -56 / 15, 32 / 9),
        (19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729),
        (9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656),
        _B,  # the last stage is the next step's first
    ),
    (*_B, 0),
    tuple(high - low for high, low in zip((*_B, 0), _B4)),
)


def combined(y: Tensor, h: float, weights: tuple[float, ...], stages: list[Tensor]) -> Tensor:
    """y + h sum_i w_i k_i."""
    for weight, stage in zip(weights, stages):
        if weight:
            y = torch.add(y, stage, alpha=h * weight)
    return y


def stages_of(
    rule: Tableau, field: Field, t: float, y: Tensor, h: float, first: Tensor | None = None
) -> list[Tensor]:
    """k_1 .. k_s of one step; `first` is k_1 where it is known."""
    stages = [field(t, y) if first is None else first]
    for c, a in zip(rule.c[1:], rule.a[1:]):
        stages.append(field(t + c * h, combined(y, h, a, stages)))
    return stages
