"""A docstring as Markdown in which nothing means more than its author wrote."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Iterator

CODE = re.compile(r"(`+[^`]+`+)")
SPECIAL = re.compile(r"([\\*_{}\[\]<>$#|~^:!&])")
SECTION = re.compile(r"(Args|Raises|Returns|Yields|Example|Examples|Reached):$")
ITEM = re.compile(r"([*\w][\w., *]*): (.*)", re.S)


def markdown(docstring: str | None) -> str:
    r"""Paragraphs, with code and formulas in blocks and arguments in lists.

    >>> print(markdown("Draws x_1 of `p`.\n\nArgs:\n    n: how many."))
    Draws x\_1 of `p`.
    <BLANKLINE>
    **Args**
    <BLANKLINE>
    - `n`: how many.
    """
    text = inspect.cleandoc(docstring or "")
    return "\n\n".join(part for block in _blocks(text) for part in _written(block))


def escaped(text: str) -> str:
    r"""Text as Markdown that shows it; what stands between backticks stays code.

    >>> print(escaped("p(x|z) and `a_b`"))
    p(x\|z) and `a_b`
    """
    parts = CODE.split(text)
    shown = (part if CODE.fullmatch(part) else SPECIAL.sub(r"\\\1", part) for part in parts)
    return "".join(shown)


def _blocks(text: str) -> Iterator[str]:
    """Parts between blank lines; indented ones that follow each other stay together."""
    held: list[str] = []
    for block in re.split(r"\n[ \t]*\n", text):
        if held and not block.startswith(" "):
            yield "\n\n".join(held)
            held = []
        if block.startswith(" "):
            held.append(block)
        elif block.strip():
            yield block
    if held:
        yield "\n\n".join(held)


def _written(block: str) -> Iterator[str]:
    head, _, rest = block.partition("\n")
    if block.startswith(" ") or block.startswith(">>>"):
        yield fenced(textwrap.dedent(block))
    elif (found := SECTION.fullmatch(head)) and rest.startswith(" "):
        yield f"**{found[1]}**"
        yield _list(textwrap.dedent(rest))
    elif rest.startswith("    "):  # words that end in a colon, then a formula
        yield escaped(head)
        yield fenced(textwrap.dedent(rest))
    else:
        lines = (_line(line) for line in block.splitlines())
        yield "\n".join(lines)


def _line(line: str) -> str:
    """A line of a paragraph; one that only looks like an item of a numbered list is none."""
    shown = escaped(line)
    if re.match(r"[-+] ", shown) or re.match(r"\d+[.)] ", shown):
        return shown
    return re.sub(r"^([-+=]+|\d+[.)])", r"\\\1", shown)


def fenced(text: str) -> str:
    """A block of code: Python where it is a session or a call, else text."""
    language = "pycon" if text.lstrip().startswith(">>>") else "text"
    return f"````{language}\n{text.rstrip()}\n````"


def _list(text: str) -> str:
    items = re.split(r"\n(?=\S)", text)
    return "\n".join(f"- {_item(' '.join(item.split()))}" for item in items)


def _item(item: str) -> str:
    found = ITEM.fullmatch(item)
    return f"`{found[1]}`: {escaped(found[2])}" if found else escaped(item)
