"""Steps of one size: Euler, midpoint, Heun and the classical Runge-Kutta rule.

With step h their errors fall as h, h^2, h^2 and h^4. A solver is a record, so that a model built
with one can be written as JSON; all have one method, `solve(field, y, times)`.

Hairer, Norsett, Wanner, Solving Ordinary Differential Equations I (1993), II.1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar

import torch

from ..core.blueprint import record
from ..core.spaces import count
from .tableau import EULER, HEUN, MIDPOINT, RK4, Field, Tableau, combined, stages_of
from .ways import checked, together


@dataclass(frozen=True)
class FixedSteps:
    """`steps` equal steps between any two of the times asked for."""

    steps: int = 20
    rule: ClassVar[Tableau]

    def __post_init__(self) -> None:
        count("steps", self.steps)

    def __str__(self) -> str:
        return f"{self.steps} {type(self).__name__} step{'s' if self.steps > 1 else ''}"

    def solve(self, field: Field, y: Any, times: Sequence[float]) -> Any:
        """The states (len(times), *y.shape) at `times`, of which the first is `y`'s own.

        Times may rise, fall, stand and turn round. Where `y` is a tuple of tensors, the field is
        given such and gives such, and so are the states. Raises ValueError for times that are none.
        """
        times = checked(times)
        if isinstance(y, tuple):
            return together(self.solve, field, y, times)
        states = [y]
        for start, end in pairwise(times):
            h = (end - start) / self.steps
            for i in range(self.steps):
                stages = stages_of(self.rule, field, start + i * h, y, h)
                y = combined(y, h, self.rule.b, stages)
            states.append(y)
        return torch.stack(states)


@record
@dataclass(frozen=True)
class Euler(FixedSteps):
    """y + h f(t, y)."""

    rule = EULER


@record
@dataclass(frozen=True)
class Midpoint(FixedSteps):
    """y + h f at the middle."""

    rule = MIDPOINT


@record
@dataclass(frozen=True)
class Heun(FixedSteps):
    """y + h times the mean of f at both ends."""

    rule = HEUN


@record
@dataclass(frozen=True)
class RungeKutta4(FixedSteps):
    """The classical rule of fourth order."""

    rule = RK4
