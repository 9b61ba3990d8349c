"""The student's check: public tests on one's own machine, and hints for those who ask."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..failures import CourseError
from . import adversaries, judges, projects, trainings
from .asking import Asking, on_this_machine
from .grading import Result, results
from .inside.plain import packed, unpacked
from .masters import Master
from .submissions import Submission, read, wrong_homework
from .tasks import Homework, Task

HOMEWORKS = Path(__file__).parents[1] / "homeworks"
PUBLIC_SEED = 0
MOST_CASES = 4  # a task


def public(master: Master) -> dict[str, Any]:
    """What `check` needs of a homework: no solution, a few inputs and the answers to them."""
    homework = master.homework
    tasks = [_public(master, task) for task in homework.tasks]
    return {
        "name": homework.name,
        "title": homework.title,
        "lectures": list(homework.lectures),
        "tasks": tasks,
    }


def _public(master: Master, task: Task) -> dict[str, Any]:
    cases = None if task.cases is None else master.cases(task, PUBLIC_SEED)[:MOST_CASES]
    judge = {"name": type(task.judge).__name__, "with": asdict(task.judge)}  # type: ignore[call-overload]
    return {
        **{key: getattr(task, key) for key in ("name", "title", "points", "written")},
        "calls": list(task.calls),
        "judge": judge,
        "hints": [base64.b64encode(hint.encode()).decode() for hint in task.hints],
        "cases": cases and base64.b64encode(packed(cases)[8:]).decode(),
    }


def names(folder: Path = HOMEWORKS) -> list[str]:
    """The homeworks that were released."""
    return sorted(file.name.split(".")[0] for file in folder.glob("*.public.json"))


def released(name: str, folder: Path = HOMEWORKS) -> tuple[Homework, dict[str, list[Any]]]:
    """A homework as students have it, and its public cases. Raises CourseError for no such one."""
    if name not in names(folder):
        raise CourseError(f"there is no homework {name!r}: there are {', '.join(names(folder))}")
    told = json.loads((folder / f"{name}.public.json").read_text("utf-8"))
    homework, cases = Homework(told["name"], told["title"], tuple(told["lectures"])), {}
    for task in told["tasks"]:
        hints = tuple(base64.b64decode(hint).decode() for hint in task["hints"])
        rest = {"title": task["title"], "written": task["written"], "hints": hints}
        homework.add(task["name"], task["points"], _judge(task["judge"]), *task["calls"], **rest)
        if task["cases"]:
            cases[task["name"]] = unpacked(base64.b64decode(task["cases"]))
    return homework, cases


def _judge(told: dict[str, Any]) -> Any:
    known = {
        name: getattr(m, name)
        for m in (judges, trainings, adversaries, projects)
        for name in vars(m)
    }
    return known[told["name"]](**told["with"])


def checked(
    name: str,
    file: Path,
    chosen: tuple[str, ...] = (),
    full: bool = False,
    folder: Path = HOMEWORKS,
) -> Iterator[Result]:
    """The results of a student's file by the public tests, task by task.

    Raises CourseError where it cannot be read, or is of another homework.
    """
    homework, cases = released(name, folder)
    submission = readable(name, file, folder)
    tasks = [task for task in homework.tasks if _is_chosen(task, chosen)]
    ask = Asking(on_this_machine, submission.code)

    def given(task: Task) -> list[Any]:
        return cases.get(task.name) or [task.stream(name, PUBLIC_SEED)]

    try:
        yield from results(homework, submission, ask, given, tasks, full)
    finally:
        ask.close()


def _is_chosen(task: Task, chosen: tuple[str, ...]) -> bool:
    return not chosen or task.name in chosen or ("unit" in chosen and not task.judge.trains)


def readable(name: str, file: Path, folder: Path = HOMEWORKS) -> Submission:
    """A student's file. Raises CourseError with what is wrong with it."""
    if not file.exists():
        raise CourseError(f"there is no file {file}")
    submission = read(file)
    if submission.complaint:
        raise CourseError(submission.complaint)
    every = {
        n: tuple(c for t in released(n, folder)[0].tasks for c in t.calls) for n in names(folder)
    }
    other = wrong_homework(submission, name, every)
    if other:
        raise CourseError(
            f"{file.name} looks like {other}: run `pushforward-course check {other} {file}`"
        )
    return submission


def hint(name: str, file: Path, number: int, folder: Path = HOMEWORKS) -> str:
    """The next hint of the task of a number, which is noted in the student's file.

    Raises CourseError where there is none left.
    """
    homework, _ = released(name, folder)
    submission = readable(name, file, folder)
    if not 1 <= number <= len(homework.tasks):
        raise CourseError(f"{name} has tasks 1 to {len(homework.tasks)}, not {number}")
    task = homework.tasks[number - 1]
    taken = submission.hints.get(task.name, 0)
    if taken >= len(task.hints):
        raise CourseError(
            f"there are {len(task.hints)} hints for {task.name}, and you have them all"
        )
    _note(file, f"pushforward-course hint {task.name} {taken + 1}")
    return f"{task.name}, hint {taken + 1} of {len(task.hints)}: {task.hints[taken]}"


def _note(file: Path, line: str) -> None:
    """Writes into the student's file that a hint was taken."""
    if file.suffix == ".zip":
        raise CourseError("hints are noted in the file: give the .py or .ipynb, not a zip")
    text = file.read_text("utf-8")
    if file.suffix != ".ipynb":
        file.write_text(text.rstrip("\n") + f"\n\n# %% [markdown]\n# {line}\n", "utf-8")
        return
    whole = json.loads(text)
    whole["cells"].append(
        {
            "cell_type": "markdown",
            "id": "h" + line[-20:].replace(" ", "-"),
            "metadata": {},
            "source": [line],
        }
    )
    file.write_text(json.dumps(whole, indent=1, ensure_ascii=False) + "\n", "utf-8")
