"""A lecture is numbered as its file is called, whichever others are there: 08-... is lecture 8."""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

Number = tuple[int, ...]


def renumbered(lecture: int, number: Number) -> Number:
    """The number of a section or theorem with the lecture's own in front.

    >>> renumbered(8, (5, 2))
    (8, 2)
    """
    return (lecture, *number[1:]) if number else number


def renumber(app: Sphinx, env: BuildEnvironment) -> list[str]:
    """Runs after Sphinx has counted; returns no documents, since all are rendered anyway."""
    for page in env.found_docs:
        if found := re.match(r"(\d\d)-", page):
            _page(env, page, int(found[1]))
    return []


def _page(env: BuildEnvironment, page: str, lecture: int) -> None:
    _all(env.toc_secnumbers.get(page, {}), lecture)
    for numbers in env.toc_fignumbers.get(page, {}).values():
        _all(numbers, lecture)
    for node in (env.titles[page], *env.tocs[page].findall(nodes.reference)):
        if node.get("secnumber"):
            node["secnumber"] = renumbered(lecture, node["secnumber"])


def _all(numbers: dict[str, Any], lecture: int) -> None:
    for key, number in numbers.items():
        numbers[key] = renumbered(lecture, number)


def setup(app: Sphinx) -> dict[str, Any]:
    """Connects after Sphinx's own counting."""
    app.connect("env-get-updated", renumber, priority=900)
    return {"parallel_read_safe": True}
