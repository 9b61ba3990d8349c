"""Progress on stderr: a bar that moves by time, with speed and time left within seconds."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from .loop import Training
from .reports import Report

Watch = Callable[[int, int], None]
"""Told how many of how many are done."""

OFTEN, LOSS, LINES = 0.2, 2.0, 10.0  # seconds between moves, losses, and lines of a log


@contextmanager
def counted(title: str, quiet: bool = False) -> Iterator[Watch | None]:
    """A bar for work that tells how far it is; None where nobody wants one."""
    if quiet:
        yield None
        return
    with _progress() as progress:
        if not progress.console.is_terminal:
            yield None
            return
        task = progress.add_task(title, total=None, now="")
        yield lambda done, total: progress.update(task, completed=done, total=total)


@contextmanager
def bar(training: Training, quiet: bool) -> Iterator[Callable[[Report], None]]:
    """A bar that follows a training between its reports too; what it yields shows a report.

    Where nobody looks at a terminal, it prints a line now and then.
    """
    if quiet:
        yield lambda report: None
        return
    with _progress() as progress:
        shown = _Shown(training, progress)
        training.watch = shown.look
        try:
            yield shown.report
        finally:
            training.watch = None


class _Shown:
    """What the bar of a training shows."""

    def __init__(self, training: Training, progress: Any):
        self.training, self.progress = training, progress
        now, steps = "", training.recipe.steps
        self.task = progress.add_task("train", total=steps, now=now, completed=training.step)
        self.held = progress.add_task("validating", total=1, now="", visible=False)
        self.moved = self.looked = self.said = 0.0
        self.loss = self.validation = ""

    def look(self, what: str, done: int, total: int) -> None:
        """How far the training is, or a validation."""
        now = time.monotonic()
        if what == "validating":
            self.progress.update(self.held, completed=done, total=total, visible=done < total)
        elif now - self.moved > OFTEN:
            self.moved = now
            if now - self.looked > LOSS:
                self.looked, self.loss = now, f"loss {self.training.window.latest():.4g}  "
            self._move(done)

    def _move(self, step: int) -> None:
        task = next(t for t in self.progress.tasks if t.id == self.task)
        speed = f"{task.speed:.3g} steps/s" if task.speed else ""
        now = f"{self.loss}{self.validation}{speed}"
        self.progress.update(self.task, completed=step, now=now)

    def report(self, report: Report) -> None:
        """What a report says stays until the next."""
        self.loss = f"loss {report.loss:.4g}  "
        if report.validation is not None:
            self.validation = f"validation {report.validation_loss:.4g}  "
        self.progress.update(self.task, description=report.stage)
        self._move(report.step)
        now, ended = time.monotonic(), report.step == report.steps
        if not self.progress.console.is_terminal and (ended or now - self.said > LINES):
            self.said = now
            self.progress.console.print(str(report), highlight=False, soft_wrap=True, markup=False)


def _progress() -> Any:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[now]}", markup=False),
    )
    return Progress(*columns, console=console, disable=not console.is_terminal)
