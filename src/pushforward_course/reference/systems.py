"""A page for each system of the catalogue, written from its records and its file."""

from __future__ import annotations

import ast
import itertools
import re
from pathlib import Path
from typing import Any

import pushforward
from pushforward.core import sources

from ..records import reached
from ..settings import number
from ..settings import pages as lectures
from .api import anchor, objects
from .docs import ROOT
from .docstrings import escaped, markdown
from .facts import WORDS, Facts
from .pages import cell, table

HEAD = "---\norphan: true\n---\n\n"
COLUMNS = ("preset", "data", "metric", "value", "likelihood", "time")
Held = dict[str, list[tuple[str, Any]]]


def pages(facts: dict[str, Facts]) -> dict[str, str]:
    """The text of every page by the system's id, and of `index`."""
    held = by_module()
    rows = sources.rows()
    return {"index": _index(rows)} | {row["id"]: _page(row, held, facts) for row in rows}


def by_module() -> Held:
    """The public objects of every module."""
    every = sorted(itertools.chain(*objects().values()), key=lambda pair: pair[1].__module__)
    groups = itertools.groupby(every, key=lambda pair: pair[1].__module__)
    return {module: list(found) for module, found in groups}


def _index(rows: list[dict[str, Any]]) -> str:
    text = f"{HEAD}# The {len(rows)} systems of the catalogue\n"
    for lecture, group in itertools.groupby(rows, key=lambda row: row["lecture"]):
        text += f"\n## {lecture_link(lecture)}\n\n"
        text += "".join(f"- [{escaped(row['title'])}]({row['id']}.md)\n" for row in group)
    return text


def lecture_link(lecture: int) -> str:
    """A link to a lecture, from a folder of generated pages."""
    page = next((page for page in lectures() if number(page) == lecture), None)
    return f"[Lecture {lecture}](../{page.name})" if page else f"Lecture {lecture}"


def _page(row: dict[str, Any], held: Held, facts: dict[str, Facts]) -> str:
    module = module_of(row["file"])
    parts = [
        f"{HEAD}# {escaped(row['title'])}",
        markdown(ast.get_docstring(ast.parse(_source(row["file"])))),
        f"Source: {escaped(row['paper'])}. See {lecture_link(row['lecture'])}. "
        f"The file is `{row['file']}`.",
        _facts(facts.get(row["id"])),
        _presets(row),
        _objects(held.get(module, [])),
        *(f"![{escaped(name)}](../docs/{name}.png)" for name in pictures(row, held)),
        f"`pushforward show {row['id']}` prints this in a terminal. [All systems](../map.md)",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def module_of(file: str) -> str:
    """The module that a file of the catalogue is.

    >>> module_of("src/pushforward/models/flow/nice.py")
    'pushforward.models.flow.nice'
    """
    return file.removeprefix("src/").removesuffix(".py").replace("/", ".").removesuffix(".__init__")


def _source(file: str) -> str:
    return (Path(pushforward.__file__).parents[1] / file.removeprefix("src/")).read_text("utf-8")


def _facts(facts: Facts | None) -> str:
    if facts is None:
        return ""
    return f"**What it has** ({WORDS}): {facts}."


def _presets(row: dict[str, Any]) -> str:
    if not row["presets"]:
        return "No preset trains it alone."
    text = f"**Presets**: {', '.join(f'`pushforward train {name}`' for name in row['presets'])}."
    named = [name for name in row["presets"] if row["reached"][name]]
    if not named:
        return text
    rows = [[cell(line[column]) for column in COLUMNS] for line in reached(named)]
    return f"{text} What they reached here:\n\n{table(list(COLUMNS), rows)}"


def _objects(found: list[tuple[str, Any]]) -> str:
    links = ", ".join(f"[`{name}`](#{anchor(value)})" for name, value in found)
    return f"**In the reference**: {links}." if links else ""


def pictures(row: dict[str, Any], held: Held) -> list[str]:
    """The pictures of docs/ whose drawing uses what the system's file holds, or its presets."""
    names = [name for name, _ in held.get(module_of(row["file"]), [])] + row["presets"]
    found = []
    for picture in sorted((ROOT / "docs").glob("*.png")):
        drawing = (
            Path(pushforward.__file__).parent / f"pictures/{picture.stem.replace('-', '_')}.py"
        )
        text = drawing.read_text("utf-8") if drawing.exists() else ""
        if any(re.search(rf"\b{re.escape(name)}\b", text) for name in names):
            found.append(picture.stem)
    return found
