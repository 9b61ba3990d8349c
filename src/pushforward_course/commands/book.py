"""gradebook: students, points, deadlines, history, grades."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from ..failures import CourseError
from ..gradebook import grades
from ..gradebook.store import Event, Store
from ..pages import write
from ..practice.tables import _safe, decimal, rows, total

Out = Annotated[Path | None, arg(aliases=["-o"])]


def new(book: Positional[Path], who: str | None = None) -> None:
    """Makes a gradebook with hw1 to hw6 (13 points each) and exam (26).

    Args:
        book: its file.
        who: whose change it is; your user's name where it is not given.
    """
    store = Store(book, create=True)
    store.add(
        (Event("item", "", n, i.text()) for n, i in grades.ITEMS.items()), "new gradebook", who
    )
    print(f"{book}: {', '.join(grades.ITEMS)}")


def students(book: Positional[Path], file: Positional[Path], who: str | None = None) -> None:
    """Adds students from a CSV with the columns student (an id) and, if you like, name.

    Args:
        book: the gradebook.
        file: the CSV.
        who: whose change it is.
    """
    store, found = Store(book), rows(file)
    events = [Event("student", r["student"], "", r.get("name") or r["student"]) for r in found]
    store.add(events, f"from {file.name}", who)
    print(f"{len(events)} students")


def deadline(
    book: Positional[Path],
    item: Positional[str],
    time: Positional[str],
    per_day: str = "0",
    days: int = 0,
    why: str = "deadline",
    who: str | None = None,
) -> None:
    """Sets an item's deadline and what being late costs.

    Args:
        book: the gradebook.
        item: hw1 to hw6 or exam.
        time: ISO, UTC where it has no zone: 2026-10-01T23:59+03:00.
        per_day: share of the points that each day begun costs, such as 0.1.
        days: after so many days nothing is left; 0 is no limit.
        why: the reason, which is kept.
        who: whose change it is.
    """
    store = Store(book)
    before = _item(store, item)
    grades.moment(time)
    share = grades.number(per_day, Fraction(1))
    store.add(
        [Event("item", "", item, grades.Item(before.most, time, str(share), days).text())], why, who
    )


def record(
    book: Positional[Path],
    student: Positional[str],
    item: Positional[str],
    points: Positional[str],
    why: str = "",
    handed: str = "",
    who: str | None = None,
) -> None:
    """Records a student's points for an item; what stood there before stays in the history.

    Args:
        book: the gradebook.
        student: their id.
        item: hw1 to hw6 or exam.
        points: a number, or "none" to take it back.
        why: the reason, which is kept.
        handed: when it was handed in, ISO, for the late policy.
        who: whose change it is.
    """
    store = Store(book)
    store.add(_points(store, student, item, points, handed), why or "recorded", who)


def load(
    book: Positional[Path],
    item: Positional[str],
    file: Positional[Path],
    why: str = "",
    who: str | None = None,
) -> None:
    """Records an item for all students of a table: what `grade` wrote, or student and points.

    Columns "TASK manual" count before the machine's; a column `handed` says when. All is recorded,
    or nothing.

    Args:
        book: the gradebook.
        item: hw1 to hw6 or exam.
        file: the table.
        why: the reason, which is kept.
        who: whose change it is.
    """
    store, found = Store(book), rows(file)
    events = []
    for row in found:
        points = row["points"] if "points" in row else decimal(_graded(row, item))
        events += _points(store, row["student"], item, points, row.get("handed", ""))
    store.add(events, why or f"from {file.name}", who)
    print(f"{len(found)} students")


def _graded(row: dict[str, str], item: str) -> Fraction:
    """The points of a row that `grade` wrote."""
    from ..practice.checking import released

    tasks = {task.name: task.points for task in released(item)[0].tasks if task.name in row}
    if not tasks:
        raise CourseError(f"the table has neither points nor a task of {item}")
    return total(row, tasks)


def _points(store: Store, student: str, item: str, points: str, handed: str) -> list[Event]:
    known, most = store.latest("student"), Fraction(_item(store, item).most)
    if (student, "") not in known:
        raise CourseError(
            f"there is no student {student!r} in {store.file}: add them by `students`"
        )
    value = "" if points == "none" else str(grades.number(points, most))
    events = [Event("points", student, item, value)]
    if handed:
        events.append(Event("handed", student, item, grades.moment(handed).isoformat()))
    return events


def _item(store: Store, item: str) -> grades.Item:
    known = grades.items(store)
    if item not in known:
        raise CourseError(f"there is no item {item!r}: there are {', '.join(known)}")
    return known[item]


def final(
    book: Positional[Path], down: bool = False, cap: int | None = None, out: Out = None
) -> None:
    """Final grades, relu(points / 8 - 2), and what each student still needs for the next.

    Args:
        book: the gradebook.
        down: rounds grades down.
        cap: the highest grade.
        out: a CSV to write.
    """
    store = Store(book)
    known = grades.items(store)
    table = [["student", "name", *known, "total", "grade", "next grade", "needs", "still open"]]
    for row in grades.rows(store):
        need = grades.need(row, known)
        own = [decimal(row.points[item]) if item in row.points else "" for item in known]
        ahead = [str(need.grade), decimal(need.points), decimal(need.open)]
        if not need.reachable:
            ahead = ["", "", decimal(need.open)]
        grade = decimal(grades.final(row.total, down, cap))
        table.append([row.student, row.name, *own, decimal(row.total), grade, *ahead])
    _shown(table, out)


def history(book: Positional[Path], student: str = "", item: str = "", out: Out = None) -> None:
    """Every change: when, who, what, why.

    Args:
        book: the gradebook.
        student: of this student alone.
        item: of this item alone.
        out: a CSV to write.
    """
    found = Store(book).history(student, item)
    table = [["time", "who", "kind", "student", "item", "value", "why"]]
    table += [
        [r.time, r.who, r.event.kind, r.event.student, r.event.item, r.event.value, r.why]
        for r in found
    ]
    _shown(table, out)


def stats(
    book: Positional[Path], out: Annotated[Path, arg(aliases=["-o"])] = Path("grades.png")
) -> None:
    """Statistics of the class as a picture.

    Args:
        book: the gradebook.
        out: .png, .svg or .pdf.
    """
    from ..gradebook.picture import drawn

    store = Store(book)
    print(drawn(grades.rows(store), grades.items(store), out))


def _shown(table: list[list[str]], out: Path | None) -> None:
    if out is None:
        widths = [max(len(row[n]) for row in table) for n in range(len(table[0]))]
        for row in table:
            print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())
        return
    file = io.StringIO()
    csv.writer(file).writerows([_safe(cell) for cell in row] for row in table)
    print(write(out, file.getvalue()))


COMMANDS: dict[str, Callable] = {
    "new": new,
    "students": students,
    "deadline": deadline,
    "record": record,
    "load": load,
    "final": final,
    "history": history,
    "stats": stats,
}
