"""What goes wrong while the course is built, in words."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

CELL = re.compile(r"^```\{code-cell\}[^\n]*\n(.*?)^```", re.M | re.S)
COLOURS = re.compile(r"\x1b\[[0-9;]*m")
FAILED = re.compile(r"following cell:\n-+\n(.*?)\n-{5,}", re.S)


class CourseError(RuntimeError):
    """Something that a person can mend; its message says how."""


def cells(lecture: str) -> list[str]:
    """The code of all cells of a lecture's Markdown, without their options."""
    found = CELL.findall(lecture)
    return [re.sub(r"\A(?::[\w-]+:[^\n]*\n)+", "", code).strip() for code in found]


def failing_cell(report: str, lecture: str) -> int | None:
    """Which cell, from 1, a report of a failed execution is about; None where it does not say."""
    found = FAILED.search(report)
    code = found[1].strip() if found else ""
    return next((n for n, cell in enumerate(cells(lecture), 1) if cell == code), None)


def told(page: Path, report: str) -> str:
    """Lecture, cell, error and what to run, in three lines."""
    number = failing_cell(report, page.read_text("utf-8"))
    where = f"cell {number}" if number else "a cell"
    lecture = page.stem.split("-")[0]
    error = _last_line(report.splitlines())
    again = f"pushforward-course build --lecture {int(lecture)}" if lecture.isdigit() else "build"
    return f"lecture {page.stem}, {where} failed:\n  {error}\nrun it again by `{again}`"


def _last_line(lines: Iterable[str]) -> str:
    last = next((line for line in reversed(list(lines)) if line.strip()), "no message")
    return COLOURS.sub("", last)
