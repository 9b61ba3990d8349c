"""Grading a folder of submissions: in parallel, resumable after a kill, one row for each file.

What is finished stands in a journal, a line a report, before anything else is written; a run that
is started again reads it, keeps what is of the same file under the same seed, and goes on.
"""

from __future__ import annotations

import hashlib
import json
import os
import queue
import secrets
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any

from pushforward.core.ownership import Occupied, owned

from ..failures import CourseError
from . import masters, sandbox
from .asking import Asking
from .grading import Report, Result, report_of, results
from .masters import MASTERS, Master
from .submissions import Submission, read, wrong_homework
from .tasks import Task

Told = Callable[[Report], None]


@dataclass(frozen=True)
class Settings:
    """What a run grades, and how. only: "unit" leaves out what trains; or the names of tasks."""

    homework: str
    only: tuple[str, ...] = ()
    full: bool = False
    hint_cost: str = "0"

    def chosen(self, master: Master) -> list[Task]:
        """The tasks in question. Raises CourseError for a name that is none."""
        tasks = master.homework.tasks
        if self.only == ("unit",):
            return [task for task in tasks if not task.judge.trains]
        unknown = set(self.only) - {task.name for task in tasks}
        if unknown:
            raise CourseError(
                f"{self.homework} has no task {', '.join(sorted(unknown))}: it has "
                f"{', '.join(task.name for task in tasks)} (or say unit)"
            )
        return [task for task in tasks if not self.only or task.name in self.only]


class Journal:
    """Reports on the disk, each there for good once `add` returns."""

    def __init__(self, file: Path, head: dict[str, Any], again: bool):
        self.file, self.lock = file, Lock()
        if again:
            file.unlink(missing_ok=True)
        lines = _whole_lines(file)
        self.head = json.loads(lines[0]) if lines else {"seed": secrets.randbits(128), **head}
        differing = [key for key in head if self.head.get(key) != head[key]]
        if differing:
            raise CourseError(
                f"{file} was written with another {', '.join(differing)}: give another -o, "
                "or --again to grade all anew"
            )
        self.reports = [report_of(json.loads(line)) for line in lines[1:]]
        if not lines:
            self._write(self.head)

    def add(self, report: Report) -> None:
        """Keeps a report."""
        with self.lock:
            self.reports.append(report)
            self._write(report.plain())

    def _write(self, value: dict[str, Any]) -> None:
        handle = os.open(self.file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(handle, json.dumps(value).encode() + b"\n")
            os.fsync(handle)
        finally:
            os.close(handle)


def _whole_lines(file: Path) -> list[str]:
    """The lines of a journal; a last one that was cut by a kill is taken off."""
    if not file.exists():
        return []
    content = file.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    if len(whole) < len(content):
        os.truncate(file, len(whole))
    return whole.decode().splitlines()


def graded(
    settings: Settings,
    folder: Path,
    out: Path,
    *,
    workers: int = 2,
    seed: int | None = None,
    again: bool = False,
    source: Path = MASTERS,
    told: Told = lambda report: None,
) -> tuple[list[Report], int]:
    """Reports of all files in a folder, in order of their names, and the seed of the hidden inputs.

    Raises CourseError where there is no sandbox, no master, no folder, or `out` is being written.
    """
    sandbox.refuse_without_one()
    master = masters.master(settings.homework, source)
    chosen = settings.chosen(master)
    files = files_in(folder)
    out.parent.mkdir(parents=True, exist_ok=True)
    try:
        with owned(out.with_suffix(".lock"), f"{out}"):
            head = {**json.loads(json.dumps(asdict(settings))), "master": _digest(source, settings)}
            head |= {} if seed is None else {"seed": seed}
            journal = Journal(out.with_suffix(".journal.jsonl"), head, again)
            hidden = (source, folder, out.parent)
            run = _Run(settings, master, chosen, journal.head["seed"], hidden, source)
            return run.all(files, journal, workers, told), journal.head["seed"]
    except Occupied as error:
        raise CourseError(str(error)) from error


def files_in(folder: Path) -> list[Path]:
    """What was handed in, by name. Raises CourseError where there is nothing."""
    if not folder.is_dir():
        raise CourseError(f"there is no folder {folder}")
    files = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    if not files:
        raise CourseError(f"{folder} holds no submissions")
    return files


def _digest(source: Path, settings: Settings) -> str:
    return hashlib.sha256((source / f"{settings.homework}.py").read_bytes()).hexdigest()[:16]


@dataclass
class _Run:
    """One run: whatever a submission does, it ends in a report."""

    settings: Settings
    master: Master
    chosen: list[Task]
    seed: int
    hidden: tuple[Path, ...]
    source: Path

    def all(self, files: list[Path], journal: Journal, workers: int, told: Told) -> list[Report]:
        submissions = [read(file) for file in files]
        _refuse_twins(submissions)
        known = {(report.file, report.digest): report for report in journal.reports}
        rest = [s for s in submissions if (s.file, s.digest) not in known or s.complaint]
        slots: queue.Queue[int] = queue.Queue()
        for slot in range(workers):
            slots.put(slot)

        def one(submission: Submission) -> Report:
            slot = slots.get()
            try:
                report = self.report(submission, slot)
                journal.add(report)
                told(report)
                return report
            finally:
                slots.put(slot)

        with ThreadPoolExecutor(workers) as pool:
            known |= {(r.file, r.digest): r for r in pool.map(one, rest)}
        return [known[s.file, s.digest] for s in submissions]

    def report(self, submission: Submission, slot: int) -> Report:
        """A submission's report; a fault of the grader's own is told in it, too."""
        report = Report(submission.student, submission.file, submission.digest)
        report.told = submission.complaint or self._other(submission)
        if report.told:
            report.results = [Result(task.name, "0", task.points) for task in self.chosen]
            return report
        limits = sandbox.FULL if self.settings.full else sandbox.Limits()
        start = partial(sandbox.command, slot, limits, self.hidden)
        ask = Asking(start, submission.code, limits)
        try:
            cost = Fraction(self.settings.hint_cost)
            given = (lambda task: self.master.cases(task, self.seed), self.chosen)
            found = results(self.master.homework, submission, ask, *given, self.settings.full, cost)
            report.results = list(found)
        except Exception as error:
            report.told = f"the grader failed ({type(error).__name__}: {error}): tell its authors"
        finally:
            ask.close()
        return report

    def _other(self, submission: Submission) -> str:
        name = self.settings.homework
        other = wrong_homework(submission, name, functions(self.source))
        return f"{submission.file} looks like {other}, and {name} is being graded" if other else ""


def functions(source: Path = MASTERS) -> dict[str, tuple[str, ...]]:
    """The functions of every homework, by which a file of another one is known."""
    found = {name: masters.master(name, source).homework for name in masters.names(source)}
    return {name: tuple(c for t in hw.tasks for c in t.calls) for name, hw in found.items()}


def _refuse_twins(submissions: Iterable[Submission]) -> None:
    """Two files of one student are a question for the student, not a choice of ours."""
    submissions = list(submissions)
    count = Counter(submission.student for submission in submissions)
    for submission in submissions:
        if count[submission.student] > 1:
            files = sorted(s.file for s in submissions if s.student == submission.student)
            submission.complaint = f"{' and '.join(files)} are from one student: leave one of them"
