"""A page for each student: points of each task, and what was wrong."""

from __future__ import annotations

import html
from pathlib import Path

from ..pages import page, slug, table, write
from .grading import Report, Result
from .tables import decimal
from .tasks import Homework


def written(reports: list[Report], homework: Homework, folder: Path) -> list[Path]:
    """Writes the pages of all students into a folder."""
    return [write(folder / f"{slug(r.student)}.html", feedback(r, homework)) for r in reports]


def feedback(report: Report, homework: Homework) -> str:
    """The page of one report. Whatever a student wrote stands in it as text."""
    of = sum(result.of for result in report.results)
    title = f"{homework.name}: {homework.title}"
    head = f"<h1>{html.escape(title)}</h1><p>{html.escape(report.student)}: "
    head += f"<strong>{decimal(report.total)}</strong> of {of} points</p>"
    if report.told:
        return page(title, f'{head}<p class="bad">{html.escape(report.told)}</p>')
    titles = {task.name: task.title for task in homework.tasks}
    rows = [_row(result, titles.get(result.task, "")) for result in report.results]
    return page(title, head + table(["task", "points", ""], rows))


def _row(result: Result, title: str) -> list[str]:
    full = "good" if result.value == result.of else "bad"
    told = html.escape(result.told) if result.told else "right"
    hints = f" ({result.hints} hints taken)" if result.hints else ""
    name = f"<strong>{html.escape(result.task)}</strong><br>"
    name += f"<span class=soft>{html.escape(title)}</span>"
    points = f'<span class="{full}">{decimal(result.points)} / {result.of}</span>'
    return [name, points, told + hints]
