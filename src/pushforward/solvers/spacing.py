"""Where on its path a sampler steps: evenly in some function of the noise, or as a list says.

    n = sigma / alpha falls from the path's most to its least in N levels, then come the data

    Karras:      n^(1/rho) falls evenly: many steps at little noise (rho = 7 by default)
    LogSNR:      log n falls evenly (k-diffusion's "exponential", DPM-Solver's choice)
    EvenTimes:   the process's own time to the power 1/p falls evenly (p = 2: DDIM's "quadratic")
    Listed:      the process's own times, one by one

A sampler without a spacing takes the process's own levels. Where the path begins with pure noise
(n is infinite), levels are spread from n = 100 on and the first is the pure noise.

Karras et al. (2022), arXiv:2206.00364, eq. 5; DPM-Solver (Lu et al., 2022), arXiv:2206.00927,
section 3.4; DDIM (Song et al., 2021), arXiv:2010.02502, appendix D.2.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from ..core.blueprint import record
from ..core.spaces import count
from .diffusion import Ladder, Level

MOST = 100.0  # times the signal: what stands for pure noise, from which no steps can be counted
Function = Callable[[float], float]


@record
@dataclass(frozen=True)
class Karras:
    """n^(1/rho) falls evenly."""

    rho: float = 7.0

    def __post_init__(self) -> None:
        _positive("rho", self.rho)

    def levels(self, ladder: Ladder, steps: int | None) -> list[Level]:
        """steps + 1 levels from noise to data."""
        return _spread(ladder, steps, lambda n: n ** (1 / self.rho), lambda u: u**self.rho)


@record
@dataclass(frozen=True)
class LogSNR:
    """log n falls evenly."""

    def levels(self, ladder: Ladder, steps: int | None) -> list[Level]:
        """steps + 1 levels from noise to data."""
        return _spread(ladder, steps, math.log, math.exp)


@record
@dataclass(frozen=True)
class EvenTimes:
    """t^(1 / power) falls evenly, t being the process's own time."""

    power: float = 1.0

    def __post_init__(self) -> None:
        _positive("power", self.power)

    def levels(self, ladder: Ladder, steps: int | None) -> list[Level]:
        """steps + 1 levels from noise to data."""
        own = ladder.levels()
        n = _steps(ladder, steps)
        roots = _even(own[0].t ** (1 / self.power), own[-2].t ** (1 / self.power), n)
        return _between(own, n, [ladder.level_at(root**self.power) for root in roots])


@record
@dataclass(frozen=True)
class Listed:
    """The process's own times, whose noise must fall; after the last come the data.

    A sampler takes as many steps as there are times, whatever its own number of steps.
    """

    times: tuple[float, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "times", tuple(float(t) for t in self.times))
        if not self.times:
            raise ValueError("a list of times needs at least one")

    def levels(self, ladder: Ladder, steps: int | None) -> list[Level]:
        """A level for each time, and the data. Raises ValueError where the noise does not fall."""
        found = [ladder.level_at(t) for t in self.times]
        for before, after in pairwise(found):
            if not after.noise < before.noise:
                raise ValueError(
                    f"noise must fall from one time to the next, but sigma / alpha goes from "
                    f"{before.noise:.4g} at time {before.t:g} to {after.noise:.4g} at {after.t:g}"
                )
        return [*found, ladder.levels()[-1]]


Spacing = Karras | LogSNR | EvenTimes | Listed


def _positive(name: str, value: float) -> None:
    if not 0 < value < math.inf:
        raise ValueError(f"{name} must be a positive number, not {value!r}")


def _steps(ladder: Ladder, steps: int | None) -> int:
    return len(ladder.levels()) - 1 if steps is None else count("steps", steps)


def _spread(ladder: Ladder, steps: int | None, to: Function, back: Function) -> list[Level]:
    """Levels whose noise falls evenly after `to`, between the ends of the process's own."""
    own = ladder.levels()
    most, least = min(own[0].noise, MOST), own[-2].noise
    n = _steps(ladder, steps)
    inner = _even(to(most), to(least), n)
    return _between(own, n, [ladder.level_of(back(v)) for v in inner])


def _even(first: float, last: float, n: int) -> list[float]:
    """The n - 2 numbers between that make equal steps."""
    return [first + (last - first) * i / (n - 1) for i in range(1, n - 1)]


def _between(own: Sequence[Level], n: int, inner: Sequence[Level]) -> list[Level]:
    """n + 1 levels: the first of the process's own, those between, its last noisy one, the data."""
    return [own[0], *inner, *(own[-2:] if n > 1 else own[-1:])]
