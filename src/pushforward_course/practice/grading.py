"""Points for one submission: its tasks, asked one after another from outside its process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from typing import Any

from .asking import Asking, Failed
from .submissions import Submission
from .tasks import Homework, Task, Wrong

Given = Callable[[Task], list[Any]]
BLANK = "NotImplementedError"
UNWRITTEN = "not written yet"


@dataclass
class Result:
    """What a task was worth, and why not more."""

    task: str
    points: str
    of: int
    told: str = ""
    answer: str = ""
    hints: int = 0

    @property
    def value(self) -> Fraction:
        """Points as an exact number."""
        return Fraction(self.points)


@dataclass
class Report:
    """A submission's results; `told` is about all of it."""

    student: str
    file: str
    digest: str
    told: str = ""
    results: list[Result] = field(default_factory=list)

    @property
    def total(self) -> Fraction:
        """All points."""
        return sum((result.value for result in self.results), Fraction(0))

    def plain(self) -> dict[str, Any]:
        """As JSON keeps it."""
        return asdict(self)


def report_of(plain: dict[str, Any]) -> Report:
    """The report that `plain` wrote."""
    return Report(**{**plain, "results": [Result(**result) for result in plain["results"]]})


def results(
    homework: Homework,
    submission: Submission,
    ask: Asking,
    cases: Given,
    chosen: list[Task] | None = None,
    full: bool = False,
    hint_costs: Fraction = Fraction(0),
) -> Iterator[Result]:
    """The result of each task in turn. What a submission does raises nothing here."""
    defined, answers, hints = submission.defined, submission.answers, submission.hints
    for task in homework.tasks if chosen is None else chosen:
        told = _missing(task, defined) or _judged(task, ask, cases, full)
        told = told or _unwritten(task, answers)
        taken = hints.get(task.name, 0)
        points = Fraction(0) if told else max(Fraction(0), task.points - taken * hint_costs)
        answer = answers.get(task.name, "") if task.written else ""
        yield Result(task.name, str(points), task.points, told, answer, taken)


def _missing(task: Task, defined: dict[str, int]) -> str:
    """Why a task need not be asked."""
    for name in task.calls:
        if not defined.get(name):
            return f"there is no function {name}: define it at the top of a cell"
        if defined[name] > 1:
            return f"{name} is defined {defined[name]} times: leave one answer"
    return ""


def _unwritten(task: Task, answers: dict[str, str]) -> str:
    """What is missing where words are asked for; empty where not."""
    words = len(answers.get(task.name, "").split())
    if words >= task.written:
        return ""
    place = f"under **Answer to {task.name}**"
    if not words:
        return f"nothing is written {place}" if task.calls else UNWRITTEN
    return f"{words} words stand {place}: write at least {task.written}"


def _judged(task: Task, ask: Asking, cases: Given, full: bool) -> str:
    """What is wrong with the answers; empty where all are right."""
    try:
        ask.load()
        for case in cases(task):
            task.judge.judge(ask, task, case, full)
    except Wrong as error:
        return str(error)
    except Failed as error:
        return _in_words(str(error), task, ask)
    finally:
        for twin in ask.twins:
            twin.close()
    return ""


def _in_words(error: str, task: Task, ask: Asking) -> str:
    if error.startswith(BLANK):
        return UNWRITTEN
    if "No module named 'pushforward" in error:
        return "it imports pushforward, which the grader lacks: write the mathematics in torch"
    if task.calls and error.startswith("AttributeError") and f"'{task.calls[0]}'" in error:
        failed = "; ".join(f"cell {cell + 1}: {told}" for cell, told in ask.failures[:3])
        return f"{task.calls[0]} was not defined, because a cell failed: {failed}"
    return error
