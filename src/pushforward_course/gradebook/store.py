"""Events in SQLite, which are only ever added: the latest of each student and item is what holds.

Every change is one transaction that is on the disk before it returns; two lecturers who write at
once wait for each other. The table refuses updates and deletions, so the history is whole.
"""

from __future__ import annotations

import getpass
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from ..failures import CourseError

SCHEMA = """
CREATE TABLE IF NOT EXISTS events (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    time TEXT NOT NULL, who TEXT NOT NULL, why TEXT NOT NULL,
    kind TEXT NOT NULL, student TEXT NOT NULL, item TEXT NOT NULL, value TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS latest ON events (kind, student, item, id);
CREATE TRIGGER IF NOT EXISTS no_updates BEFORE UPDATE ON events
    BEGIN SELECT RAISE(ABORT, 'events are only added'); END;
CREATE TRIGGER IF NOT EXISTS no_deletions BEFORE DELETE ON events
    BEGIN SELECT RAISE(ABORT, 'events are only added'); END;
"""
LATEST = """
SELECT student, item, value FROM events WHERE id IN
    (SELECT MAX(id) FROM events WHERE kind = ? GROUP BY student, item) ORDER BY id
"""
PATIENCE = 30.0  # seconds for another lecturer's change


@dataclass(frozen=True)
class Event:
    """A change of a student, an item, points, or when they were handed in; "" takes it back."""

    kind: str
    student: str = ""
    item: str = ""
    value: str = ""


@dataclass(frozen=True)
class Recorded:
    """A change as it was kept."""

    time: str
    who: str
    why: str
    event: Event


class Store:
    """A gradebook's file."""

    def __init__(self, file: Path, create: bool = False):
        """Raises CourseError where there is none, or it is no gradebook."""
        if not create and not file.is_file():
            raise CourseError(f"there is no gradebook {file}: make one by `gradebook new`")
        if create and file.exists():
            raise CourseError(f"{file} exists: choose another name")
        self.file = file
        try:
            self.connection = sqlite3.connect(file, timeout=PATIENCE, isolation_level=None)
            self.connection.execute("PRAGMA journal_mode = WAL")
            self.connection.execute("PRAGMA synchronous = FULL")
            self.connection.executescript(SCHEMA)
        except sqlite3.Error as error:
            raise CourseError(f"{file} is no gradebook: {error}") from error

    def add(self, events: Iterable[Event], why: str, who: str | None = None) -> None:
        """Keeps changes, all of them or none."""
        now = datetime.now(timezone.utc).isoformat(timespec="seconds")
        name = who or getpass.getuser()
        rows = [(now, name, why, e.kind, e.student, e.item, e.value) for e in events]
        with self._transaction():
            self.connection.executemany(
                "INSERT INTO events (time, who, why, kind, student, item, value) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                rows,
            )

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        try:
            self.connection.execute("BEGIN IMMEDIATE")
            yield
            self.connection.execute("COMMIT")
        except sqlite3.Error as error:
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")
            raise CourseError(f"{self.file} could not be written: {error}") from error

    def latest(self, kind: str) -> dict[tuple[str, str], str]:
        """What holds now, by (student, item); what was taken back is left out."""
        rows = self.connection.execute(LATEST, (kind,)).fetchall()
        return {(student, item): value for student, item, value in rows if value != ""}

    def history(self, student: str = "", item: str = "") -> list[Recorded]:
        """All changes in order, of one student or item where these are given."""
        rows = self.connection.execute(
            "SELECT time, who, why, kind, student, item, value FROM events ORDER BY id"
        )
        found = [Recorded(row[0], row[1], row[2], Event(*row[3:])) for row in rows]
        return [r for r in found if student in ("", r.event.student) and item in ("", r.event.item)]

    def close(self) -> None:
        """Closes the file."""
        self.connection.close()
