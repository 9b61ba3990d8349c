"""Tickets on paper and for the examiner: HTML, and PDF through a headless Chromium."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path

from ..failures import CourseError
from ..pages import inline, page, write
from .bank import Question
from .tickets import Ticket

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
QUIET = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    "--no-pdf-header-footer",
)


LOWERED = re.compile(r"(?<=\S)_(\{[^{}]+\}|(?:&[lg]t;)?\w+)")
RAISED = re.compile(r"(?<=\S)\^(\([^()]*\)|[\w½−+]+)")


def typeset(text: str) -> str:
    """HTML of a question's text, with what stands after _ and ^ lowered and raised.

    >>> typeset("E_q p(x_{t−1}) < n^(−1/5)")
    'E<sub>q</sub> p(x<sub>t−1</sub>) &lt; n<sup>−1/5</sup>'
    """
    lowered = LOWERED.sub(lambda m: f"<sub>{m[1].strip('{}')}</sub>", inline(text))
    return RAISED.sub(lambda m: f"<sup>{m[1].strip('()')}</sup>", lowered)


def sheets(tickets: Iterable[Ticket], answers: bool) -> str:
    """A page to print: a sheet for each ticket, with model answers and rubrics or without."""
    body = "\n".join(_sheet(ticket, answers) for ticket in tickets)
    return page("Exam tickets" + (" with answers" if answers else ""), body)


def _sheet(ticket: Ticket, answers: bool) -> str:
    questions = "".join(_question(n, q, answers) for n, q in enumerate(ticket.questions, 1))
    head = f"<h1>Ticket {ticket.number} <span class=soft>{ticket.points} points</span></h1>"
    return f'<section class="sheet">{head}{questions}</section>'


def _question(number: int, question: Question, answers: bool) -> str:
    head = f"{number}. <span class=soft>lecture {question.lecture}, {question.points} points</span>"
    told = f'<div class="card"><h2>{head}</h2><p>{typeset(question.question)}</p>'
    if answers:
        rubric = "".join(f"<li>{points}: {typeset(text)}</li>" for points, text in question.rubric)
        told += f"<p><strong>Answer.</strong> {typeset(question.answer)}</p><ul>{rubric}</ul>"
    return told + "</div>"


def pdf(source: Path, out: Path) -> Path:
    """Prints a page. Raises CourseError where there is no Chromium, or it prints nothing."""
    browser = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if browser is None:
        raise CourseError(f"PDF needs Chromium: install it, or print {source} from any browser")
    with tempfile.TemporaryDirectory() as profile:
        command = [browser, *QUIET, f"--user-data-dir={profile}", f"--print-to-pdf={out}"]
        run = [*command, source.absolute().as_uri()]
        subprocess.run(run, capture_output=True, timeout=120, check=False)
    if not out.exists():
        raise CourseError(f"Chromium printed nothing: print {source} from any browser")
    return out


SCRIPT = Path(__file__).parents[1] / "static" / "examiner.js"


def examiner(tickets: Iterable[Ticket]) -> str:
    """A page that takes points as the talk goes, and gives a table for `gradebook load BOOK exam`.

    What was ticked is kept in the browser at once.
    """
    made = list(tickets)
    options = "".join(f"<option>{ticket.number}</option>" for ticket in made)
    head = (
        "<h1>Examination</h1><p>Student <input id=student autocomplete=off> Ticket "
        f"<select id=ticket>{options}</select> <strong id=total></strong></p>"
    )
    body = "".join(_examined(ticket) for ticket in made)
    tail = "<h2>So far</h2><pre id=done></pre><p><a id=save download=exam.csv>exam.csv</a></p>"
    return page("Examination", f"{head}{body}{tail}<script>{SCRIPT.read_text()}</script>")


def _examined(ticket: Ticket) -> str:
    parts = []
    for question in ticket.questions:
        ticks = "".join(
            f'<li><label><input type=checkbox id="{question.name}-{n}" data-points={points}> '
            f"{points}: {typeset(text)}</label></li>"
            for n, (points, text) in enumerate(question.rubric)
        )
        title = f"{typeset(question.question)} <span class=soft>({question.name})</span>"
        answer = f"<details><summary>answer</summary><p>{typeset(question.answer)}</p></details>"
        parts.append(
            f'<div class="card"><p><strong>{title}</strong></p>{answer}<ul>{ticks}</ul></div>'
        )
    return f'<section data-ticket="{ticket.number}" hidden>{"".join(parts)}</section>'


def written(tickets: list[Ticket], out: Path, seed: int, as_pdf: bool) -> list[Path]:
    """Tickets without and with answers, the examiner's page, and a record, in a folder."""
    record = {"seed": seed, "tickets": {t.number: [q.name for q in t.questions] for t in tickets}}
    files = [
        write(out / "tickets.html", sheets(tickets, answers=False)),
        write(out / "answers.html", sheets(tickets, answers=True)),
        write(out / "examiner.html", examiner(tickets)),
        write(out / "tickets.json", json.dumps(record, indent=1) + "\n"),
    ]
    if as_pdf:
        files += [pdf(file, file.with_suffix(".pdf")) for file in files[:2]]
    return files


def listed(questions: Iterable[Question]) -> str:
    """All questions with answers, as a page."""
    body = "".join(_question(n, q, True) for n, q in enumerate(questions, 1))
    return page("The bank", f"<h1>{html.escape('The bank')}</h1>{body}")
