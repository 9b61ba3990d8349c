"""Judges of answers that are compared: the numbers must be those of the solution."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from .tasks import Task, Wrong

SHOWN = 8  # numbers of an array


@dataclass(frozen=True)
class Close:
    """|answer - expected| <= atol + rtol |expected|, in the same shape, everywhere finite."""

    rtol: float = 1e-4
    atol: float = 1e-6
    trains: ClassVar[bool] = False

    def judge(self, ask: Any, task: Task, case: Any, full: bool) -> None:
        """Asks the task's one function. Raises Wrong with the inputs that showed it."""
        inputs, expected = case
        answer = ask(task.calls[0], *inputs)
        problem = self.differing(answer, expected)
        if problem:
            told = ", ".join(shown(item) for item in inputs)
            raise Wrong(f"{task.calls[0]}({told}) gave {shown(answer)}: {problem}")

    def differing(self, answer: Any, expected: Any) -> str:
        """How an answer differs, in words that do not tell the expected one; empty where not."""
        if isinstance(expected, list):
            return self._each(answer, expected)
        given, wanted = numbers(answer), np.asarray(expected, float)
        if given is None:
            return "this is neither a number nor a tensor of numbers"
        if given.shape != wanted.shape:
            return f"its shape is {given.shape}, and should be {wanted.shape}"
        if np.isnan(given).any():
            return "it holds NaN"
        both = np.isfinite(given) & np.isfinite(wanted)
        away = np.abs(np.where(both, given, 0) - np.where(both, wanted, 0))
        near = np.where(both, away <= self.atol + self.rtol * np.abs(wanted), given == wanted)
        off = 1 - near.mean() if near.size else 0.0
        return "" if near.all() else f"{off:.0%} of the numbers are not the right ones"

    def _each(self, answer: Any, expected: list) -> str:
        if not isinstance(answer, list) or len(answer) != len(expected):
            return f"{len(expected)} results are asked for, in a tuple or list"
        found = [self.differing(one, other) for one, other in zip(answer, expected)]
        problems = [f"result {n}: {problem}" for n, problem in enumerate(found, 1) if problem]
        return "; ".join(problems)


def numbers(value: Any) -> np.ndarray | None:
    """An answer as float64; None where it is no numbers."""
    if isinstance(value, (bool, int, float, np.ndarray)):
        try:
            return np.asarray(value, float)
        except (OverflowError, ValueError):
            return None
    if isinstance(value, list) and value and all(type(v) in (bool, int, float) for v in value):
        return np.asarray([float(v) if abs(v) < 1e300 else np.inf for v in value])
    return None


def finite(value: Any, shape: tuple[int | None, ...], what: str) -> np.ndarray:
    """An answer as a finite array of a shape (None is any length). Raises Wrong."""
    found = numbers(value)
    if found is None:
        raise Wrong(f"{what} is neither a number nor a tensor of numbers")
    fits = len(found.shape) == len(shape) and all(
        wanted in (None, given) for given, wanted in zip(found.shape, shape)
    )
    if not fits:
        asked = tuple("any" if n is None else n for n in shape)
        raise Wrong(f"{what} has shape {found.shape}; asked for is {asked}")
    if not np.isfinite(found).all():
        raise Wrong(f"{what} holds NaN or infinities")
    return found


def shown(value: Any) -> str:
    """A value in a few characters."""
    if isinstance(value, np.ndarray):
        few = ", ".join(f"{number:.4g}" for number in value.reshape(-1)[:SHOWN].tolist())
        more = ", ..." if value.size > SHOWN else ""
        shape = f" of shape {tuple(value.shape)}" if value.ndim > 1 else ""
        return f"[{few}{more}]{shape}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(shown(item) for item in list(value)[:4]) + "]"
    return f"{value:.6g}" if isinstance(value, float) else repr(value)[:80]
