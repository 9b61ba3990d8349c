"""HTML pages that ask for nothing outside: what homeworks, feedback, tickets and the site share."""

from __future__ import annotations

import html
import os
import re
import tempfile
from pathlib import Path

STYLE = """
:root{color-scheme:light dark;--line:#8884;--soft:#8882;--good:#2a7f4f;--bad:#b3382c}
body{font:16px/1.55 system-ui,sans-serif;max-width:56rem;margin:2rem auto;padding:0 1rem}
h1,h2,h3{line-height:1.2}table{border-collapse:collapse;width:100%;display:block;overflow-x:auto}
td,th{border-bottom:1px solid var(--line);padding:.35rem .6rem;text-align:left;vertical-align:top}
pre,code{font:14px/1.45 ui-monospace,monospace}
pre{background:var(--soft);padding:.7rem;overflow-x:auto;
white-space:pre-wrap;overflow-wrap:anywhere}.good{color:var(--good)}.bad{color:var(--bad)}
.soft{opacity:.7}
mark{background:#ffd54a88;color:inherit}
.pair{display:grid;grid-template-columns:1fr 1fr;gap:1rem}
@media(prefers-color-scheme:dark){:root{--good:#6cc494;--bad:#f08b80}}
@media print{body{max-width:none;margin:0}.card{break-inside:avoid}.sheet{break-after:page}}
"""
MARKS = (
    (re.compile(r"`([^`]+)`"), r"<code>\1</code>"),
    (re.compile(r"\*\*([^*]+)\*\*"), r"<strong>\1</strong>"),
    (re.compile(r"(?<![\w*])\*([^*\n]+)\*(?![\w*])"), r"<em>\1</em>"),
)


def page(title: str, body: str, head: str = "") -> str:
    """A whole page. `body` and `head` are HTML, `title` is text."""
    name = html.escape(title)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{name}</title><style>{STYLE}</style>{head}</head>\n<body>\n{body}\n</body></html>\n"
    )


def table(head: list[str], rows: list[list[str]]) -> str:
    """A table of cells that are HTML already."""
    top = "".join(f"<th>{cell}</th>" for cell in head)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"


def marked(text: str) -> str:
    """HTML of a little Markdown: headings, paragraphs, lists, code, bold, emphasis."""
    blocks = re.split(r"\n\s*\n", re.sub(r"<!--.*?-->", "", text, flags=re.S).strip())
    return "\n".join(_block(block) for block in blocks if block.strip())


def _block(block: str) -> str:
    heading = re.match(r"(#{1,4}) +(.*)", block)
    if block.startswith("```"):
        return f"<pre>{html.escape(block.strip('`').partition(chr(10))[2])}</pre>"
    if block.startswith("|"):
        return _grid(block.splitlines())
    if heading and "\n" not in block:
        level = len(heading[1])
        return f"<h{level}>{inline(heading[2])}</h{level}>"
    if re.match(r"[-*] ", block):
        items = re.split(r"^[-*] ", block, flags=re.M)[1:]
        return "<ul>" + "".join(f"<li>{inline(item.strip())}</li>" for item in items) + "</ul>"
    return f"<p>{inline(block)}</p>"


def _grid(lines: list[str]) -> str:
    """A table of Markdown; its second line is a rule."""
    rows = [[inline(cell.strip()) for cell in line.strip("| ").split("|")] for line in lines]
    return table(rows[0], rows[2:])


def inline(text: str) -> str:
    """HTML of one paragraph's text."""
    found = html.escape(text, quote=False)
    for pattern, replacement in MARKS:
        found = pattern.sub(replacement, found)
    return found


def slug(name: str) -> str:
    """A file's name that any system takes, another one for every other name."""
    import hashlib

    plain = re.sub(r"[^A-Za-z0-9_-]+", "-", name).strip("-")[:60]
    return (
        plain
        if plain == name
        else f"{plain or 'student'}-{hashlib.sha256(name.encode()).hexdigest()[:6]}"
    )


def write(path: Path, content: str) -> Path:
    """Writes a text beside its place and renames it when it is whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".part-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors="replace", newline="") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return path
