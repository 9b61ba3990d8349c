"""The table of a grading run, and the written answers that a lecturer judges."""

from __future__ import annotations

import csv
import html
import io
from fractions import Fraction
from pathlib import Path

from ..failures import CourseError
from ..pages import page, write
from .grading import Report

RISKY = ("=", "+", "-", "@", "\t", "\r")


def decimal(points: Fraction | str) -> str:
    """Points as a person writes them: 4.5, not 9/2."""
    value = Fraction(points)
    return str(value.numerator) if value.denominator == 1 else f"{float(value):.6g}"


def written(reports: list[Report], out: Path, manual: tuple[str, ...]) -> Path:
    """Writes the table. `NAME manual` columns are the lecturer's, and stay as they are."""
    before = earlier(out, manual)
    tasks = [result.task for result in next((r.results for r in reports if r.results), [])]
    head = [
        "student",
        "total",
        *tasks,
        *(f"{name} manual" for name in manual),
        "hints",
        "note",
        "file",
    ]
    file = io.StringIO()
    table = csv.writer(file)
    table.writerow(head)
    for report in reports:
        points = {result.task: decimal(result.points) for result in report.results}
        notes = [f"{r.task}: {r.told}" for r in report.results if r.told and not report.told]
        hints = " ".join(f"{r.task}:{r.hints}" for r in report.results if r.hints)
        note = report.told or "; ".join(notes)
        table.writerow(
            map(
                _safe,
                [
                    *(report.student, decimal(report.total)),
                    *(points.get(task, "0") for task in tasks),
                    *(before.get((report.student, name), "") for name in manual),
                    *(hints, " ".join(note.split()), report.file),
                ],
            )
        )
    return write(out, file.getvalue())


def _safe(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    text = cell.replace("\0", "")
    return f"'{text}" if text.startswith(RISKY) else text


def earlier(out: Path, manual: tuple[str, ...]) -> dict[tuple[str, str], str]:
    """What a lecturer has written into an earlier table."""
    if not out.exists():
        return {}
    found = rows(out)
    return {
        (row["student"], name): row[f"{name} manual"]
        for row in found
        for name in manual
        if row.get(f"{name} manual")
    }


def rows(file: Path) -> list[dict[str, str]]:
    """The rows of a table. Raises CourseError where there is none."""
    try:
        with open(file, newline="", encoding="utf-8-sig") as source:
            found = [dict(row) for row in csv.DictReader(source)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise CourseError(f"{file} is no table that can be read: {error}") from None
    if found and "student" not in found[0]:
        raise CourseError(f"{file} has no column called student")
    return [{k: (v or "").removeprefix("'") for k, v in row.items() if k} for row in found]


def total(row: dict[str, str], tasks: dict[str, int]) -> Fraction:
    """A row's points: those of the machine, and the lecturer's where there are any.

    Raises CourseError for what is no number from 0 to the task's points.
    """
    return sum((_points(row, name, most) for name, most in tasks.items()), Fraction(0))


def _points(row: dict[str, str], name: str, most: int) -> Fraction:
    text = row.get(f"{name} manual") or row.get(name) or "0"
    try:
        value = Fraction(text.replace(",", "."))
    except (ValueError, ZeroDivisionError):
        raise CourseError(f"{row['student']}, {name}: {text!r} is no number of points") from None
    if not 0 <= value <= most:
        raise CourseError(f"{row['student']}, {name}: {text} is not between 0 and {most}")
    return value


def answers(reports: list[Report], out: Path, title: str) -> Path:
    """One page with all derivations, task by task, for whoever gives points by hand."""
    names = list(dict.fromkeys(r.task for report in reports for r in report.results if r.answer))
    parts = [f"<h1>{html.escape(title)}: derivations</h1>"]
    for name in names:
        parts.append(f"<h2>{html.escape(name)}</h2>")
        for report in reports:
            for result in report.results:
                if result.task == name and result.answer:
                    of = f"<span class=soft>({result.points}/{result.of})</span>"
                    parts.append(f"<h3>{html.escape(report.student)} {of}</h3>")
                    parts.append(f"<pre>{html.escape(result.answer)}</pre>")
    return write(out, page(f"{title}: derivations", "\n".join(parts)))
