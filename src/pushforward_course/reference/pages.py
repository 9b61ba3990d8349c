"""What generated pages share: addresses, and writing only what changed."""

from __future__ import annotations

from pathlib import Path

from .docstrings import escaped


def cell(text: str) -> str:
    """Text for a table of Markdown: one line, nothing that parts cells."""
    return escaped(" ".join(text.split()))


def table(head: list[str], rows: list[list[str]], name: str = "") -> str:
    """A table of Markdown cells in a box that scrolls; `name` is the box's class."""
    lines = [head, ["---"] * len(head), *rows]
    text = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return f":::{{container}} table-wrapper {name}\n{text}\n:::"


def kept(page: Path, text: str) -> Path:
    """Writes a page unless it says so already: what did not change is not read again."""
    if not page.exists() or page.read_text("utf-8") != text:
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(text, "utf-8")
    return page
