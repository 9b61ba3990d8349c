"""release, check, grade, site: homeworks, from the master to the feedback."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from ..failures import CourseError
from ..practice.masters import MASTERS
from ..practice.releasing import INSTALL

Tasks = Annotated[tuple[str, ...], arg(metavar="TASK ...")]


def check(
    homework: Positional[str],
    file: Positional[Path],
    only: Tasks = (),
    full: bool = False,
    hint: int | None = None,
) -> None:
    """Tells the points of your homework by the public tests, on this machine.

    Args:
        homework: hw1 to hw6.
        file: your .py or .ipynb, or a zip of one.
        only: these tasks alone; "unit" leaves out what trains.
        full: the full data and thresholds of what trains, rather than those of minutes on a CPU.
        hint: the number of a task: shows its next hint, notes it in your file, and checks nothing.
    """
    from ..practice.checking import checked
    from ..practice.checking import hint as next_hint
    from ..practice.tables import decimal

    if hint is not None:
        print(next_hint(homework, file, hint))
        return
    found = []
    for result in checked(homework, file, only, full):
        found.append(result)
        told = f"   {result.told}" if result.told else ""
        print(f"{result.task:12} {decimal(result.points):>3} of {result.of}{told}", flush=True)
    total = decimal(sum((result.value for result in found), start=found[0].value * 0))
    print(f"{homework}: {total} of {sum(result.of for result in found)} points by the public tests")
    if not any(result.value for result in found):
        print("Nothing is right yet, and that is how everybody begins: take the first task first.")


def release(
    homework: Positional[str],
    out: Path = Path("."),
    install: str = INSTALL,
    masters: Path = MASTERS,
) -> None:
    """Writes a homework's version for students: .py, .ipynb, and the public tests.

    Args:
        homework: hw1 to hw6, or all.
        out: folder that receives them.
        install: the command of the notebook's first cell.
        masters: folder of the masters.
    """
    from ..practice.masters import names
    from ..practice.releasing import release as released

    for name in names(masters) if homework == "all" else [homework]:
        for file in released(name, out, install, masters):
            print(file)


def grade(
    homework: Positional[str],
    submissions: Positional[Path],
    out: Annotated[Path, arg(aliases=["-o"])] = Path("grades.csv"),
    only: Tasks = (),
    full: bool = False,
    workers: int = 2,
    seed: int | None = None,
    hint_cost: str = "0",
    alike: float = 0.5,
    again: bool = False,
    masters: Path = MASTERS,
) -> None:
    """Grades a folder of submissions, each in a sandbox, and goes on where it was stopped.

    Beside the table come NAME.feedback/ (a page for each student), NAME.answers.html (derivations
    to judge by hand), NAME.alike.html (likeness of submissions) and NAME.journal.jsonl (the seed
    and all results). Points that you write under "TASK manual" replace the machine's.

    Args:
        homework: hw1 to hw6.
        submissions: folder with a .py, .ipynb or .zip of each student, called like the student.
        out: the table.
        only: these tasks alone; "unit" leaves out what trains.
        full: the full data and thresholds of what trains.
        workers: submissions at once.
        seed: of the hidden inputs; drawn and recorded where none is given.
        hint_cost: points that each hint costs.
        alike: share of fingerprints from which a pair is reported.
        again: grades all anew, with another seed.
        masters: folder of the masters.
    """
    from ..practice import batch, feedback, similarity, tables
    from ..practice.masters import master
    from ..practice.submissions import read

    tables.decimal(_number(hint_cost))
    settings = batch.Settings(homework, tuple(only), full, hint_cost)
    reports, used = batch.graded(
        settings,
        submissions,
        out,
        workers=_at_least_one(workers),
        seed=seed,
        again=again,
        source=masters,
        told=_progress,
    )
    hw = master(homework, masters).homework
    manual = tuple(task.name for task in settings.chosen(master(homework, masters)) if task.written)
    tables.written(reports, out, manual)
    feedback.written(reports, hw, out.with_suffix(".feedback"))
    tables.answers(reports, out.with_suffix(".answers.html"), hw.title)
    files = [read(file) for file in batch.files_in(submissions)]
    pairs = similarity.report(
        files, out.with_suffix(".alike.html"), _given(homework, masters), alike
    )
    print(f"{len(reports)} submissions, seed {used}, {len(pairs)} pairs alike: {out}")


def _progress(report) -> None:
    from ..practice.tables import decimal

    note = f"   {report.told}" if report.told else ""
    print(f"{report.student:30} {decimal(report.total):>5}{note}", flush=True)


def _number(text: str) -> str:
    from fractions import Fraction

    try:
        if Fraction(text) >= 0:
            return text
    except (ValueError, ZeroDivisionError):
        pass
    raise CourseError(f"{text!r} is no number of points")


def _at_least_one(workers: int) -> int:
    if not 1 <= workers <= 64:
        raise CourseError(f"workers must be 1 to 64, not {workers}")
    return workers


def _given(homework: str, masters: Path) -> str:
    """The code of the student's version, which is nobody's own."""
    from ..practice.masters import master, students

    cells = students(master(homework, masters).cells, INSTALL)
    return "\n\n".join(cell.text for cell in cells if not cell.markdown)


def site(plan: Positional[Path], out: Path = Path("runs/class")) -> None:
    """Writes a class's site: homeworks with deadlines, and each student's own feedback.

    Args:
        plan: a JSON file: title, homeworks (name, deadline, feedback folder), and a secret.
        out: folder that receives the pages.
    """
    from ..class_site import written

    print(f"open {written(plan, out)}")


COMMANDS: dict[str, Callable] = {"check": check, "release": release, "grade": grade, "site": site}
