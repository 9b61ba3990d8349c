"""The bank: questions with model answers and rubrics, one JSON file a lecture."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

BANK = Path(__file__).parent / "questions"
POINTS = {1: 4, 2: 6, 3: 10}
"""Points of a question by its difficulty."""


@dataclass(frozen=True)
class Question:
    """A question. rubric: pairs of points and what earns them, which add up to `points`."""

    name: str
    lecture: int
    level: int
    question: str
    answer: str
    rubric: tuple[tuple[int, str], ...]

    @property
    def points(self) -> int:
        """What a whole answer earns."""
        return POINTS[self.level]


@cache
def bank(folder: Path = BANK) -> tuple[Question, ...]:
    """All questions, lecture by lecture."""
    found = []
    for file in sorted(folder.glob("*.json")):
        told = json.loads(file.read_text("utf-8"))
        for number, entry in enumerate(told["questions"], 1):
            rubric = tuple((points, text) for points, text in entry.pop("rubric"))
            name = f"{told['lecture']}.{number}"
            found.append(Question(name, told["lecture"], rubric=rubric, **entry))
    return tuple(sorted(found, key=lambda q: (q.lecture, int(q.name.split(".")[1]))))
