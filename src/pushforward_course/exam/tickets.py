"""Tickets of 26 points: one easy question, two of the middle, one hard, of four lectures."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from ..failures import CourseError
from .bank import POINTS, Question, bank

LEVELS = (1, 2, 2, 3)
TOTAL = sum(POINTS[level] for level in LEVELS)


@dataclass(frozen=True)
class Ticket:
    """Questions in order of difficulty."""

    number: int
    questions: tuple[Question, ...]

    @property
    def points(self) -> int:
        """26."""
        return sum(question.points for question in self.questions)


def tickets(count: int, seed: int, lectures: Iterable[int] = ()) -> list[Ticket]:
    """`count` tickets, the same for the same seed.

    Lectures and questions are used as evenly as can be; a ticket has four different lectures, and
    two neighbours have no question in common, and no lecture where there are eight or more.
    Raises CourseError for no tickets, or fewer than four lectures.
    """
    chosen = set(lectures) or {question.lecture for question in bank()}
    pool = [question for question in bank() if question.lecture in chosen]
    held = {question.lecture for question in pool}
    if not 1 <= count <= 1_000 or len(held) < 4:
        raise CourseError(
            f"1 to 1000 tickets of at least 4 lectures, not {count} of {sorted(held)}"
        )
    draw, used, made = random.Random(seed), Counter[str](), list[Ticket]()
    for number in range(1, count + 1):
        before = made[-1].questions if made else ()
        questions = _ticket(pool, before, used, draw, len(held) >= 8)
        used.update(question.name for question in questions)
        used.update(f"lecture {question.lecture}" for question in questions)
        made.append(Ticket(number, questions))
    return made


def _ticket(
    pool: list[Question],
    before: tuple[Question, ...],
    used: Counter[str],
    draw: random.Random,
    apart: bool,
) -> tuple[Question, ...]:
    """The least used lectures first, then their least used question of the level."""
    taken: list[Question] = []
    for level in LEVELS:
        lectures = {question.lecture for question in taken}
        lectures |= {question.lecture for question in before} if apart else set()
        names = {question.name for question in before}
        left = [
            q
            for q in pool
            if q.level == level and q.lecture not in lectures and q.name not in names
        ]
        order = [(used[f"lecture {q.lecture}"], used[q.name], draw.random(), q) for q in left]
        taken.append(min(order, key=lambda entry: entry[:3])[3])
    return tuple(taken)
