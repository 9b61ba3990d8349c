"""From masters to what students receive: `.py`, `.ipynb`, and the public tests."""

from __future__ import annotations

import json
from pathlib import Path

from ..pages import write
from .checking import HOMEWORKS, public
from .masters import MASTERS, master, students
from .percent import to_notebook, to_percent
from .projects import listed

INSTALL = "pip install pushforward"


def release(
    name: str, out: Path = HOMEWORKS, install: str = INSTALL, source: Path = MASTERS
) -> list[Path]:
    """Writes the student's version of a homework, and returns its files."""
    found = master(name, source)
    cells = students(found.cells, install)
    tests = json.dumps(public(found), indent=1, ensure_ascii=False) + "\n"
    papers = [write(out / "papers.md", listed())] if name == "hw6" else []
    return [
        *papers,
        write(out / f"{name}.py", to_percent(cells)),
        write(out / f"{name}.ipynb", to_notebook(cells)),
        write(out / f"{name}.public.json", tests),
    ]
