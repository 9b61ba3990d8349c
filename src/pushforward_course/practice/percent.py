"""Cells of homeworks: jupytext's percent format and notebooks, read and written as plain text."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import Any

MARK = re.compile(
    r"^# ?%%(?:[ \t]+(\[markdown\]|\[md\]))?[^\n]*?(?:tags=(\[[^\]]*\]))?[ \t]*$", re.M
)
MAGIC = re.compile(r"^([ \t]*)([%!?])", re.M)
MOST_CELLS = 2_000


class NotReadable(ValueError):
    """A file that holds no cells; the message is for whoever wrote it."""


@dataclass(frozen=True)
class Cell:
    """A cell: code, or Markdown without the comment's marks, and its tags."""

    text: str
    markdown: bool = False
    tags: tuple[str, ...] = ()


def from_percent(text: str) -> list[Cell]:
    """The cells of a `.py` file; what stands before the first mark is a cell as well."""
    marks = list(MARK.finditer(text))
    ends = [mark.start() for mark in marks] + [len(text)]
    cells = [Cell(text[: ends[0]].strip("\n"))]
    for mark, end in zip(marks, ends[1:]):
        body = text[mark.end() : end].strip("\n")
        tags = tuple(json.loads(mark[2])) if mark[2] else ()
        cells.append(Cell(_uncommented(body) if mark[1] else body, bool(mark[1]), tags))
    return [cell for cell in cells if cell.text.strip()]


def _uncommented(body: str) -> str:
    return "\n".join(re.sub(r"^# ?", "", line) for line in body.splitlines())


def to_percent(cells: list[Cell]) -> str:
    """A `.py` file in jupytext's percent format."""
    parts = []
    for cell in cells:
        head = "# %% [markdown]" if cell.markdown else "# %%"
        lines = [f"# {line}".rstrip() if cell.markdown else line for line in cell.text.splitlines()]
        parts.append("\n".join([head, *lines]))
    return "\n\n".join(parts) + "\n"


def from_notebook(text: str) -> list[Cell]:
    """The cells of an `.ipynb`, magics commented out. Raises NotReadable where it is none."""
    try:
        cells = json.loads(text)["cells"]
        found = [_cell(cell) for cell in cells[:MOST_CELLS]]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise NotReadable("is called .ipynb and is no notebook: save it again as one") from None
    return [cell for cell in found if cell.text.strip()]


def _cell(cell: dict[str, Any]) -> Cell:
    source = cell["source"]
    text = source if isinstance(source, str) else "".join(source)
    markdown = cell["cell_type"] != "code"
    return Cell(text if markdown else MAGIC.sub(r"\1# \2", text), markdown)


def to_notebook(cells: list[Cell]) -> str:
    """An `.ipynb` (format 4.5) without outputs; the same cells give the same bytes."""
    written = [_written(cell, number) for number, cell in enumerate(cells)]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    whole = {"cells": written, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(whole, indent=1, ensure_ascii=False) + "\n"


def _written(cell: Cell, number: int) -> dict[str, Any]:
    text = cell.text if cell.markdown else re.sub(r"^# ([!%])", r"\1", cell.text, flags=re.M)
    name = hashlib.sha256(f"{number} {text}".encode()).hexdigest()[:8]
    common = {"id": name, "metadata": {}, "source": text.splitlines(keepends=True)}
    if cell.markdown:
        return {"cell_type": "markdown", **common}
    return {"cell_type": "code", **common, "execution_count": None, "outputs": []}
