"""What training says of itself: a report every few steps, materialised only then."""

from __future__ import annotations

import json
import math
import time
import warnings
from dataclasses import dataclass, field
from pathlib import Path

import torch

from ..core.contract import Terms
from .distributed import merged


class Diverged(RuntimeError):
    """A loss is no longer a number."""


@dataclass(frozen=True)
class Report:
    """The state of training after `step` of `steps`.

    `terms` are means since the last report, keyed "player/term"; `loss` is the sum of the first
    player's; `validation` holds the same over held-out data, or is None; `seconds` are those that
    the training has taken so far. `diagnostics` are the model's, of the last batch: how sure a
    critic is, how many codes are used.
    """

    step: int
    steps: int
    stage: str
    loss: float
    terms: dict[str, float]
    validation: dict[str, float] | None
    steps_per_second: float
    seconds: float
    diagnostics: dict[str, float] = field(default_factory=dict)

    @property
    def validation_loss(self) -> float | None:
        """The sum of the first player's terms on held-out data."""
        return None if self.validation is None else first_player(self.validation)

    def __str__(self) -> str:
        names = {k.split("/")[0] for k in self.terms}
        shown = {k if len(names) > 1 else k.split("/")[1]: v for k, v in self.terms.items()}
        parts = "  ".join(f"{k} {v:.4g}" for k, v in shown.items())
        held = "" if self.validation is None else f"  validation {self.validation_loss:.4g}"
        seen = "".join(f"  {k} {v:.3g}" for k, v in self.diagnostics.items())
        speed = f"{self.steps_per_second:.3g} steps/s"
        return f"[{self.stage}] step {self.step}/{self.steps}  {parts}{held}{seen}  {speed}"


def first_player(terms: dict[str, float]) -> float:
    """The sum of the terms of the player that is named first."""
    player = next(iter(terms)).split("/")[0]
    return sum(v for k, v in terms.items() if k.split("/")[0] == player)


def logged(path: str | Path) -> list[Report]:
    """The reports of a log.jsonl that `fit` wrote; a warning tells of lines that are none.

    Raises OSError where there is no such file.
    """
    lines = Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
    found = [read_line(line) for line in lines]
    bad = [number for number, report in enumerate(found, 1) if report is None]
    if bad:
        are = "is" if len(bad) == 1 else "are"
        warnings.warn(
            f"{len(bad)} of {len(lines)} lines of {path} {are} no report, the first line {bad[0]}: "
            "left out",
            stacklevel=2,
        )
    return [report for report in found if report is not None]


def read_line(line: str) -> Report | None:
    """The report that a line of a log holds; None where it is cut short, or another line."""
    try:
        report = Report(**json.loads(line))
        numbers = (report.step, report.steps, report.loss, report.steps_per_second, report.seconds)
        terms = {**report.terms, **(report.validation or {})}
        seen = report.diagnostics.values()
        whole = all("/" in name for name in terms) and len(report.terms) > 0
        numeric = all(type(v) in (int, float) for v in (*numbers, *terms.values(), *seen))
        return report if whole and numeric and isinstance(report.stage, str) else None
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None


def logged_until(path: str | Path, step: int) -> list[Report]:
    """The reports of a log up to `step`, whatever else it holds; none where there is no log."""
    if not Path(path).is_file():
        return []
    lines = Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
    return [r for r in map(read_line, lines) if r is not None and r.step <= step]


class Window:
    """The terms of the steps since the last report, kept on the device until they are asked for."""

    def __init__(self) -> None:
        self.values: list[tuple[int, Terms]] = []
        self.steps = 0
        self.since = time.perf_counter()

    def add(self, step: int, player: str, terms: Terms) -> None:
        """Notes the means of one move."""
        self.values.append((step, {f"{player}/{k}": v.detach() for k, v in terms.items()}))

    def means(self, saved: str, n: int = 1) -> dict[str, float]:
        """The mean of every term over all processes' rows of batches of `n`.

        Raises Diverged, naming the first that is not finite.
        """
        sums: dict[str, list[float]] = {}
        steps = [(step, name) for step, terms in self.values for name in terms]
        flat = [value.double() for _, terms in self.values for value in terms.values()]
        for (step, name), value in zip(steps, merged(torch.stack(flat), n).tolist()):
            if not math.isfinite(value):
                player, term = name.split("/", 1)
                raise Diverged(
                    f"the term {term!r} of player {player!r} became {value} at step {step}. "
                    f"{saved}. A lower learning rate, or Recipe(clip=1.0), often helps"
                )
            sums.setdefault(name, []).append(value)
        return {name: sum(values) / len(values) for name, values in sums.items()}

    def latest(self) -> float:
        """The sum of the first player's terms in the last move that it made; NaN before any."""
        player = next((name.split("/")[0] for _, terms in self.values for name in terms), "")
        for _, terms in reversed(self.values):
            mine = [v for name, v in terms.items() if name.split("/")[0] == player]
            if mine:
                return float(sum(mine))
        return math.nan

    def speed(self) -> float:
        """Steps per second since the window was opened."""
        return self.steps / max(1e-9, time.perf_counter() - self.since)
