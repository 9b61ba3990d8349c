"""The rule of Dormand and Prince: fifth order, with an error of its own and dense output.

A step is accepted where the norm of (error / (atol + rtol |y|)), the root mean square over the
whole batch, is at most 1; the next size is 0.9 h norm^(-1/5), within a factor of 0.2 .. 10. Between
the ends of a step a quartic gives the state, so that times asked for cost no calls.

Dormand & Prince, A family of embedded Runge-Kutta formulae (1980); Hairer, Norsett, Wanner, Solving
Ordinary Differential Equations I (1993), II.4 (starting step, error control) and II.6 (dense
output).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from ..core.blueprint import record
from .tableau import DORMAND_PRINCE, Field, combined, stages_of
from .ways import checked, runs, together

DENSE = (
    -12715105075 / 11282082432,
    0,
    87487479700 / 32700410799,
    -10690763975 / 1880347072,
    701980252875 / 199316789632,
    -1453857185 / 822651844,
    69997945 / 29380423,
)


class StepUnderflow(ArithmeticError):
    """No step is small enough: the solution blows up, or is stiff beyond this rule."""


@dataclass(frozen=True)
class Piece:
    """The solution over one accepted step from `t` to `t + h`, as a quartic."""

    t: float
    h: float
    start: Tensor
    change: Tensor
    bends: tuple[Tensor, Tensor, Tensor]

    def at(self, t: float) -> Tensor:
        """The state at `t`, to fourth order."""
        s = (t - self.t) / self.h if self.h else 0.0
        first, second, third = self.bends
        inner = first + s * (second + (1 - s) * third)
        return self.start + s * (self.change + (1 - s) * inner)


@dataclass(frozen=True)
class Path:
    """A solution with dense output: the pieces in order, and how often the field was called."""

    pieces: tuple[Piece, ...]
    calls: int

    def at(self, t: float) -> Tensor:
        """The state at any time of the path."""
        forwards = self.pieces[-1].h > 0
        for piece in self.pieces:
            end = piece.t + piece.h
            if (t <= end) if forwards else (t >= end):
                return piece.at(t)
        return self.pieces[-1].at(t)


@record
@dataclass(frozen=True)
class DormandPrince:
    """Adaptive steps.

    Args:
        rtol, atol: an error of atol + rtol |y| is wanted of each step.
        most: steps at most, accepted or not.
        judged: how many of the state's leading numbers (of the last dimension) count for the error;
            None counts all.
    """

    rtol: float = 1e-5
    atol: float = 1e-5
    most: int = 10_000
    judged: int | None = None

    def __post_init__(self) -> None:
        if not (self.rtol >= 0 and self.atol > 0):
            raise ValueError(f"tolerances must be positive, not {self.rtol} and {self.atol}")

    def __str__(self) -> str:
        return f"DormandPrince of rtol {self.rtol:g}, atol {self.atol:g}"

    def solve(self, field: Field, y: Any, times: Sequence[float]) -> Any:
        """The states (len(times), *y.shape) at `times`, of which the first is `y`'s own.

        Times may rise, fall, stand and turn round. Where `y` is a tuple of tensors, the field is
        given such and gives such, and so are the states; all are judged. Raises StepUnderflow where
        the solution cannot be followed, ValueError for times that are none.
        """
        times = checked(times)
        if isinstance(y, tuple):
            return together(replace(self, judged=None).solve, field, y, times)
        states = [y]
        for run in runs(times):
            states += self._along(field, states[-1], run)
        return torch.stack(states)

    def _along(self, field: Field, y: Tensor, times: list[float]) -> list[Tensor]:
        """The states after the first, at times that go one way."""
        if times[0] == times[-1]:
            return [y] * (len(times) - 1)
        if len(times) == 2:  # without keeping the path
            return [self._follow(field, y, times[0], times[1], [])]
        path = self.path(field, y, times[0], times[-1])
        return [path.at(t) for t in times[1:]]

    def path(self, field: Field, y: Tensor, start: float, end: float) -> Path:
        """The solution from `start` to `end`, which answers for any time between."""
        calls = 0

        def counted(t: float, y: Tensor) -> Tensor:
            nonlocal calls
            calls += 1
            return field(t, y)

        pieces: list[Piece] = []
        self._follow(counted, y, start, end, pieces, keep=True)
        return Path(tuple(pieces), calls)

    def _follow(
        self,
        field: Field,
        y: Tensor,
        t: float,
        end: float,
        pieces: list[Piece],
        keep: bool = False,
    ) -> Tensor:
        slope = field(t, y)
        h = self._first_step(field, t, y, slope, end)
        for _ in range(self.most):
            last = abs(end - t) <= abs(h) * (1 + 1e-9)
            h = end - t if last else h
            stages = stages_of(DORMAND_PRINCE, field, t, y, h, slope)
            new = combined(y, h, DORMAND_PRINCE.b, stages)
            norm = self._norm(h, y, new, stages)
            if norm <= 1:
                if keep:
                    pieces.append(_piece(t, h, y, new, stages))
                if last:
                    return new
                t, y, slope = t + h, new, stages[-1]
            h = self._next_step(t, h, norm)
        raise StepUnderflow(
            f"{self.most} steps were not enough: at t = {t:.6g} of {end:.6g} the step is {h:.3g}. "
            "Raise rtol and atol, or make the field smoother"
        )

    def _norm(self, h: float, y: Tensor, new: Tensor, stages: list[Tensor]) -> float:
        """Of the step's error in units of what is allowed: above 1 is too large."""
        with torch.no_grad():
            error = combined(torch.zeros_like(y), h, DORMAND_PRINCE.error, stages)
            allowed = self.atol + self.rtol * torch.maximum(y.abs(), new.abs())
            return _rms((error / allowed)[..., : self.judged])

    def _next_step(self, t: float, h: float, norm: float) -> float:
        factor = 0.2 if not norm < float("inf") else 10.0 if norm == 0 else 0.9 * norm**-0.2
        h = h * min(10.0, max(0.2, factor))
        if t + h == t or abs(h) < 1e-14 * max(1.0, abs(t)):
            raise StepUnderflow(
                f"the step fell to {abs(h):.3g} at t = {t:.6g} with an error of {norm:.3g} times "
                f"the allowed (rtol {self.rtol:g}, atol {self.atol:g}): the solution blows up "
                "or is stiff there. Regularise the field, raise the tolerances, or use float64"
            )
        return h

    def _first_step(self, field: Field, t: float, y: Tensor, slope: Tensor, end: float) -> float:
        """Hairer et al., II.4: such that an Euler step would change little."""
        with torch.no_grad():
            allowed = self.atol + self.rtol * y.abs()
            size, speed = (_rms((v / allowed)[..., : self.judged]) for v in (y, slope))
            if math.isnan(size + speed):
                raise StepUnderflow(
                    f"state or field is not a number at t = {t:.6g}, where the way starts: "
                    "look for infinite data or weights, and lower the learning rate"
                )
            h = 0.01 * size / speed if min(size, speed) > 1e-5 else 1e-6
            h = min(h, abs(end - t))
            way = 1 if end > t else -1
            ahead = field(t + way * h, y + way * h * slope)
            bend = _rms(((ahead - slope) / allowed)[..., : self.judged]) / h if h else 0.0
            steep = max(speed, bend)
            guess = max(1e-6, h * 1e-3) if steep <= 1e-15 else (0.01 / steep) ** (1 / 5)
            return way * min(100 * h, guess, abs(end - t))


def _rms(v: Tensor) -> float:
    return v.square().mean().sqrt().item()


def _piece(t: float, h: float, y: Tensor, new: Tensor, stages: list[Tensor]) -> Piece:
    change = new - y
    first = h * stages[0] - change
    second = change - h * stages[-1] - first
    third = combined(torch.zeros_like(y), h, DENSE, stages)
    return Piece(t, h, y, change, (first, second, third))
