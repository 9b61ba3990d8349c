"""Points to grades: relu(points / 8 - 2), exactly."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from fractions import Fraction

from ..failures import CourseError
from .store import Store


@dataclass(frozen=True)
class Item:
    """A homework or the exam: its points, and what being late costs.

    deadline: an ISO time, or empty. per_day: the share of the points that each day begun costs.
    days: after so many nothing is left; 0 is no limit.
    """

    most: str = "13"
    deadline: str = ""
    per_day: str = "0"
    days: int = 0

    def text(self) -> str:
        """As the store keeps it."""
        return json.dumps(asdict(self))

    def worth(self, points: Fraction, handed: str) -> Fraction:
        """What is left of points that were handed in at a time."""
        if not self.deadline or not handed:
            return points
        late = (moment(handed) - moment(self.deadline)).total_seconds()
        days = max(0, math.ceil(late / 86_400))
        if self.days and days > self.days:
            return Fraction(0)
        return points * max(Fraction(0), 1 - days * Fraction(self.per_day))


ITEMS = {**{f"hw{n}": Item() for n in range(1, 7)}, "exam": Item("26")}


def moment(text: str) -> datetime:
    """A time; without a zone it is UTC. Raises CourseError for what is none."""
    try:
        found = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        raise CourseError(f"{text!r} is no time: write 2026-10-01T23:59+03:00") from None
    return found if found.tzinfo else found.replace(tzinfo=timezone.utc)


def number(text: str, most: Fraction | None = None) -> Fraction:
    """A number of points, exactly as it is written. Raises CourseError."""
    try:
        found = Fraction(str(text).strip().replace(",", "."))
    except (ValueError, ZeroDivisionError):
        raise CourseError(f"{text!r} is no number of points") from None
    if found < 0 or (most is not None and found > most):
        raise CourseError(f"{text} points are not between 0 and {most or 'all'}")
    return found


def final(points: Fraction, down: bool = False, cap: int | None = None) -> Fraction:
    """relu(points / 8 - 2), rounded down where `down`, at most `cap` where there is one.

    >>> [str(final(Fraction(p))) for p in (0, 16, 17, 104)], str(final(Fraction(103), True, 10))
    (['0', '0', '1/8', '11'], '10')
    """
    grade = max(Fraction(0), points / 8 - 2)
    grade = Fraction(math.floor(grade)) if down else grade
    return grade if cap is None else min(grade, Fraction(cap))


@dataclass(frozen=True)
class Row:
    """A student's points, item by item, late ones already less."""

    student: str
    name: str
    points: dict[str, Fraction]

    @property
    def total(self) -> Fraction:
        """All points."""
        return sum(self.points.values(), Fraction(0))


def items(store: Store) -> dict[str, Item]:
    """The items, in order."""
    return {item: Item(**json.loads(text)) for (_, item), text in store.latest("item").items()}


def rows(store: Store) -> list[Row]:
    """All students and what their work is worth."""
    known, points, handed = items(store), store.latest("points"), store.latest("handed")
    found = []
    for (student, _), name in sorted(store.latest("student").items()):
        own = {
            item: known[item].worth(
                Fraction(points[student, item]), handed.get((student, item), "")
            )
            for item in known
            if (student, item) in points
        }
        found.append(Row(student, name, own))
    return found


@dataclass(frozen=True)
class Need:
    """What a student needs for a grade: points more, and what is still open."""

    grade: int
    points: Fraction
    open: Fraction

    @property
    def reachable(self) -> bool:
        """Whether it can be reached."""
        return self.points <= self.open


def need(row: Row, known: dict[str, Item]) -> Need:
    """What is needed for the next whole grade above the one that the points give now."""
    following = math.floor(final(row.total)) + 1
    missing = 8 * (following + 2) - row.total
    rest = sum(
        (Fraction(i.most) for name, i in known.items() if name not in row.points), Fraction(0)
    )
    return Need(following, missing, rest)
