"""What a homework consists of: tasks, their points, their inputs, and who judges the answers."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

import numpy as np

POINTS = 13

Cases = Callable[[np.random.Generator], Iterable[tuple]]


class Wrong(Exception):
    """An answer that is not right; the message says for which inputs and how it shows."""


class Judge(Protocol):
    """Asks a submission and raises Wrong (or lets asking.Failed pass) where it does not hold."""

    trains: ClassVar[bool]

    def judge(self, ask: Any, task: Task, case: Any, full: bool) -> None:
        """`case` is (inputs, expected) where the task has cases, else a generator of its own."""


@dataclass(frozen=True)
class Task:
    """One task: `calls` are the functions that a submission must define.

    written: how many words of a derivation at least stand beside it, without which there are no
    points, and which the lecturer may judge otherwise than the numbers do. cases: gives inputs;
    None where the judge draws its own.
    """

    name: str
    points: int
    calls: tuple[str, ...]
    judge: Judge
    title: str = ""
    written: int = 0
    hints: tuple[str, ...] = ()
    cases: Cases | None = None

    def stream(self, homework: str, seed: int) -> np.random.Generator:
        """Random numbers of this task alone, from the seed of a run."""
        return np.random.default_rng([seed, zlib.crc32(f"{homework}/{self.name}".encode())])


@dataclass
class Homework:
    """Tasks in order. A master makes one and adds to it; `homework.task` decorates the inputs."""

    name: str
    title: str
    lectures: tuple[int, ...] = ()
    tasks: list[Task] = field(default_factory=list)

    def task(
        self,
        name: str,
        points: int,
        judge: Judge,
        *calls: str,
        title: str,
        written: int = 0,
        hints: tuple[str, ...] = (),
    ) -> Callable[[Cases], Cases]:
        """Adds a task whose inputs the decorated generator gives."""

        def added(cases: Cases) -> Cases:
            rest = {"title": title, "written": written, "hints": hints, "cases": cases}
            self.add(name, points, judge, *calls, **rest)
            return cases

        return added

    def add(self, name: str, points: int, judge: Judge, *calls: str, **rest: Any) -> None:
        """Adds a task whose judge draws its own inputs."""
        self.tasks.append(Task(name, points, calls, judge, **rest))

    def __getitem__(self, name: str) -> Task:
        return next(task for task in self.tasks if task.name == name)
