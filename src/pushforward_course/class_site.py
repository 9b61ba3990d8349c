"""A class's site: static pages of homeworks with deadlines, and each student's own feedback.

The pages of a student lie under an address that nobody can guess, made of a secret that only the
lecturer has; nothing on the site leads from one student to another.
"""

from __future__ import annotations

import hashlib
import hmac
import html
import json
import shutil
from pathlib import Path
from typing import Any

from .failures import CourseError
from .gradebook.grades import moment
from .pages import marked, page, slug, table, write
from .practice.checking import HOMEWORKS
from .practice.percent import from_percent
from .practice.projects import listed

NEEDED = {"title": str, "secret": str, "homeworks": list}
FEWEST_SECRET = 16


def written(plan: Path, out: Path) -> Path:
    """Writes the site of a plan and returns its first page.

    The plan is JSON: {"title", "secret", "homeworks": [{"name", "deadline", "feedback"}]}, of which
    `feedback` is the folder that `grade` wrote. Beside the site come the students' addresses, in
    OUT.addresses.csv, for the lecturer alone. Raises CourseError for what is missing.
    """
    told = _plan(plan)
    rows: list[list[str]] = []
    students: dict[str, list[tuple[str, Path]]] = {}
    for entry in told["homeworks"]:
        name = entry.get("name", "")
        rows.append(_homework(name, entry.get("deadline", ""), out))
        folder = plan.parent / entry["feedback"] if entry.get("feedback") else None
        for file in _feedback(folder):
            students.setdefault(file.stem, []).append((name, file))
    for student, files in students.items():
        _student(student, files, out / "s" / address(told["secret"], student), told["title"])
    lines = [f"{s},s/{address(told['secret'], s)}/index.html" for s in sorted(students)]
    write(out.with_name(out.name + ".addresses.csv"), "\n".join(["student,address", *lines]) + "\n")
    head = f"<h1>{html.escape(told['title'])}</h1>"
    head += "<p>Your own feedback is at the address you were given.</p>"
    body = head + table(["homework", "deadline", ""], rows)
    return write(out / "index.html", page(told["title"], body))


def address(secret: str, student: str) -> str:
    """A student's address, which follows from the secret."""
    return hmac.new(secret.encode(), student.encode(), hashlib.sha256).hexdigest()[:24]


def _plan(plan: Path) -> dict[str, Any]:
    try:
        told = json.loads(plan.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise CourseError(f"{plan} is no plan that can be read: {error}") from None
    for key, kind in NEEDED.items():
        if not isinstance(told, dict) or not isinstance(told.get(key), kind):
            raise CourseError(f'{plan} lacks "{key}": it needs {", ".join(NEEDED)}')
    if len(told["secret"]) < FEWEST_SECRET:
        raise CourseError(f"the secret in {plan} should have {FEWEST_SECRET} characters or more")
    return told


def _homework(name: str, deadline: str, out: Path) -> list[str]:
    """A homework's page and files, and its row on the first page."""
    source = HOMEWORKS / f"{name}.py"
    if not source.exists():
        raise CourseError(f"there is no homework {name!r}")
    until = moment(deadline).strftime("%d %B %Y, %H:%M %Z") if deadline else "no deadline"
    cells = from_percent(source.read_text("utf-8"))
    text = "\n".join(
        marked(cell.text) if cell.markdown else f"<pre>{html.escape(cell.text)}</pre>"
        for cell in cells
    )
    files = [f"{name}.py", f"{name}.ipynb"]
    if name == "hw6":
        text += marked(listed())
    links = ", ".join(f'<a href="{file}" download>{file}</a>' for file in files)
    head = f'<p><a href="index.html">All homeworks</a></p><p>{until} · {links}</p>'
    write(out / f"{name}.html", page(name, head + text))
    for file in files:
        shutil.copyfile(HOMEWORKS / file, out / file)
    return [f'<a href="{name}.html">{name}</a>', until, links]


def _feedback(folder: Path | None) -> list[Path]:
    if folder is None:
        return []
    if not folder.is_dir():
        raise CourseError(
            f"there is no folder {folder}: `grade` writes NAME.feedback beside its table"
        )
    return sorted(folder.glob("*.html"))


def _student(student: str, files: list[tuple[str, Path]], folder: Path, title: str) -> None:
    links = []
    for name, file in files:
        write(folder / f"{slug(name)}.html", file.read_text("utf-8"))
        links.append(f'<li><a href="{slug(name)}.html">{html.escape(name)}</a></li>')
    body = f"<h1>{html.escape(title)}</h1><p>{html.escape(student)}</p><ul>{''.join(links)}</ul>"
    head = '<meta name="robots" content="noindex"><meta name="referrer" content="no-referrer">'
    write(folder / "index.html", page(title, body, head))
