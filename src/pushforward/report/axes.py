"""Axes of a chart in SVG: where a value stands, and which values are written beside it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Axis:
    """Values `low` to `high` on the pixels `start` to `end`, in equal steps or equal ratios."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def at(self, value: float) -> float:
        """The pixel of a value; values outside stand on the edge."""
        if self.log:
            low, high, value = (math.log(v) for v in (self.low, self.high, max(value, 1e-300)))
        else:
            low, high = self.low, self.high
        share = min(1.0, max(0.0, (value - low) / (high - low)))
        return self.start + share * (self.end - self.start)

    def ticks(self, most: int = 6) -> list[float]:
        """Round values within the axis, `most` of them at most.

        >>> Axis(0, 1, 0, 100).ticks(), Axis(3, 4000, 0, 100, log=True).ticks()
        ([0.0, 0.2, 0.4, 0.6, 0.8, 1.0], [10, 100, 1000])
        """
        return self._ratios(most) if self.log else self._steps(most)

    def _steps(self, most: int) -> list[float]:
        rough = (self.high - self.low) / most
        power = 10.0 ** math.floor(math.log10(rough))
        for step in (power, 2 * power, 5 * power, 10 * power, 20 * power):
            first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
            if last - first < most:
                break
        return [float(f"{i * step:.12g}") for i in range(first, last + 1)]

    def _ratios(self, most: int) -> list[float]:
        lowest, highest = math.floor(math.log10(self.low)), math.ceil(math.log10(self.high))
        found: list[float] = []
        for digits in ((1, 2, 3, 5), (1, 2, 5), (1, 3), (1,)):
            every = (d * 10**e for e in range(lowest, highest + 1) for d in digits)
            found = [v for v in every if self.low <= v <= self.high]
            if len(found) <= most:
                break
        return found[:: math.ceil(len(found) / most)] if len(found) > most else found


def around(values: Iterable[float], start: float, end: float, log: bool = False) -> Axis:
    """An axis that holds the values with a little room on both sides."""
    values = list(values)
    low, high = min(values), max(values)
    if log:
        room = max(1.15, (high / low) ** 0.08)
        return Axis(low / room, high * room, start, end, True)
    room = 0.08 * (high - low) or max(abs(high), 1.0) * 0.1
    return Axis(low - room, high + room, start, end)


def short(value: float) -> str:
    """A tick's number in few letters.

    >>> [short(v) for v in (0.2, 3.0, 1500, 20_000, 2_000_000, 1e-5)]
    ['0.2', '3', '1500', '20k', '2M', '1e-05']
    """
    if abs(value) >= 1e6:
        return f"{value / 1e6:.3g}M"
    return f"{value / 1e3:.3g}k" if abs(value) >= 1e4 else f"{value:.4g}"
