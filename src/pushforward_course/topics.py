"""What each lecture must hold: topics and theorems, and the anchors at which they are found."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
ANCHOR = re.compile(r"^\(([\w-]+)\)=$|^:label: ([\w-]+)$", re.M)


@dataclass(frozen=True)
class Plan:
    """A lecture's title, and its topics by anchor."""

    lecture: int
    title: str
    topics: dict[str, str]


def plans() -> list[Plan]:
    """All thirteen lectures, as topics.json tells them."""
    rows = json.loads((HERE / "topics.json").read_text("utf-8"))
    return [Plan(row["lecture"], row["title"], row["topics"]) for row in rows]


def anchors(markdown: str) -> set[str]:
    """The anchors of a lecture's text: of headings, theorems and boxes."""
    return {first or second for first, second in ANCHOR.findall(markdown)}
