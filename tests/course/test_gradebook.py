"""The gradebook: grades exactly as the course says, and a history that nothing can shorten."""

import multiprocessing
import os
import random
import signal
import sqlite3
import time
from fractions import Fraction

import pytest

from pushforward_course.cli import main
from pushforward_course.failures import CourseError
from pushforward_course.gradebook import grades
from pushforward_course.gradebook.grades import Item, Row, final, need
from pushforward_course.gradebook.store import Event, Store


def test_grades_are_relu_of_points_over_8_less_2():
    for quarter in range(104 * 4 + 1):
        points = Fraction(quarter, 4)
        exact = Fraction(quarter, 32) - 2
        assert final(points) == (exact if exact > 0 else 0)
        assert final(points, down=True) == max(0, exact.numerator // exact.denominator)
        assert final(points, cap=10) == min(final(points), 10)


def test_points_are_kept_as_they_are_written():
    assert grades.number("12.1") == Fraction(121, 10)
    assert grades.number("12,5") == Fraction(25, 2)
    for text in ("-1", "14", "nan", "1e400000000"[:3] + "x", "", "abc", "inf"):
        with pytest.raises(CourseError):
            grades.number(text, Fraction(13))


@pytest.mark.parametrize(
    ("handed", "share"),
    [
        ("2026-10-01T20:59:00+00:00", 1),
        ("2026-10-01T23:59:00+03:00", 1),
        ("2026-10-01T21:00:00+00:00", Fraction(9, 10)),
        ("2026-10-03T20:59:00+00:00", Fraction(8, 10)),
        ("2026-10-03T20:59:01+00:00", Fraction(7, 10)),
        ("2026-10-20T00:00:00+00:00", 0),
        ("", 1),
    ],
)
def test_late_work_loses_a_share_for_each_day_begun(handed, share):
    item = Item("13", "2026-10-01T23:59+03:00", "0.1", 5)
    assert item.worth(Fraction(10), handed) == 10 * share


def test_what_is_needed_for_the_next_grade():
    row = Row("a", "A", {"hw1": Fraction(13), "hw2": Fraction(11)})
    told = need(row, grades.ITEMS)
    assert (told.grade, told.points, told.open) == (2, 32 - 24, 104 - 26)
    assert told.reachable
    full = Row("a", "A", {name: Fraction(item.most) for name, item in grades.ITEMS.items()})
    assert final(full.total) == 11
    assert not need(full, grades.ITEMS).reachable


@pytest.fixture
def book(tmp_path, capsys):
    path = tmp_path / "book.db"
    main(["gradebook", "new", str(path), "--who", "ada"])
    (tmp_path / "list.csv").write_text("student,name\nann,Ann A.\nbob,Bob B.\n")
    main(["gradebook", "students", str(path), str(tmp_path / "list.csv"), "--who", "ada"])
    capsys.readouterr()
    return path


def test_a_course_by_the_command(book, tmp_path, capsys):
    main(["gradebook", "record", str(book), "ann", "hw1", "12.5", "--why", "first"])
    main(
        ["gradebook", "record", str(book), "ann", "hw1", "13", "--why", "regraded", "--who", "eve"]
    )
    (tmp_path / "exam.csv").write_text('student,points,ticket\n"ann",20,1\n"bob",26,2\n')
    main(["gradebook", "load", str(book), "exam", str(tmp_path / "exam.csv")])
    main(["gradebook", "final", str(book), "--out", str(tmp_path / "final.csv")])
    lines = (tmp_path / "final.csv").read_text().splitlines()
    assert lines[1] == "ann,Ann A.,13,,,,,,20,33,2.125,3,7,65"
    assert lines[2].startswith("bob,Bob B.,,,,,,,26,26,1.25,2,6,78")
    capsys.readouterr()
    main(["gradebook", "history", str(book), "--student", "ann", "--item", "hw1"])
    told = capsys.readouterr().out
    assert "first" in told
    assert "regraded" in told
    assert "eve" in told
    main(["gradebook", "final", str(book), "--down"])
    assert " 2 " in capsys.readouterr().out


def test_manual_points_replace_the_machines(book, tmp_path):
    table = "student,total,alpha,masks,heads,alpha manual,masks manual\n"
    table += "ann,5,2,2,1,1.5,\nbob,0,0,0,0,2,\n"
    (tmp_path / "g.csv").write_text(table)
    main(["gradebook", "load", str(book), "hw1", str(tmp_path / "g.csv")])
    points = {row.student: row.total for row in grades.rows(Store(book))}
    assert points == {"ann": Fraction(9, 2), "bob": 2}


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ("student,points\nzoe,3\n", "no student 'zoe'"),
        ("student,points\nann,14\n", "not between 0 and 13"),
        ("student,points\nann,three\n", "no number of points"),
        ("name,points\nann,3\n", "no column called student"),
        ("student,other\nann,3\n", "neither points nor a task"),
    ],
)
def test_a_bad_table_changes_nothing(book, tmp_path, table, told):
    (tmp_path / "g.csv").write_text(table)
    before = len(Store(book).history())
    with pytest.raises(SystemExit, match=told):
        main(["gradebook", "load", str(book), "hw1", str(tmp_path / "g.csv")])
    assert len(Store(book).history()) == before


def test_deadlines_are_used(book, tmp_path):
    main(["gradebook", "deadline", str(book), "hw1", "2026-10-01T12:00", "--per-day", "0.5"])
    late = ["--handed", "2026-10-02T11:00"]
    main(["gradebook", "record", str(book), "ann", "hw1", "12", *late])
    assert grades.rows(Store(book))[0].points == {"hw1": 6}
    with pytest.raises(SystemExit, match="is no time"):
        main(["gradebook", "deadline", str(book), "hw1", "tomorrow"])


def test_points_can_be_taken_back(book):
    main(["gradebook", "record", str(book), "ann", "hw1", "12"])
    main(["gradebook", "record", str(book), "ann", "hw1", "none", "--why", "wrong student"])
    assert grades.rows(Store(book))[0].points == {}
    assert len(Store(book).history("ann", "hw1")) == 2


def test_history_cannot_be_changed(book):
    store = Store(book)
    for change in ("UPDATE events SET value = '13'", "DELETE FROM events"):
        with pytest.raises(sqlite3.DatabaseError, match="only added"):
            store.connection.execute(change)


def test_what_is_no_gradebook_is_told(tmp_path):
    with pytest.raises(SystemExit, match="there is no gradebook"):
        main(["gradebook", "final", str(tmp_path / "none.db")])
    (tmp_path / "text.db").write_text(
        "not a database, by far not, but long enough to look at " * 30
    )
    with pytest.raises(SystemExit, match="is no gradebook"):
        main(["gradebook", "final", str(tmp_path / "text.db")])


def test_statistics_as_a_picture(book, tmp_path):
    main(["gradebook", "record", str(book), "ann", "hw1", "12"])
    main(["gradebook", "stats", str(book), "--out", str(tmp_path / "s.png")])
    assert (tmp_path / "s.png").stat().st_size > 5_000


def _write_many(path, who, count, done):
    store = Store(path)
    for number in range(count):
        store.add([Event("points", f"s{number}", "hw1", "1")], "load", who)
        done.value = number + 1


def test_two_lecturers_at_once(tmp_path):
    Store(tmp_path / "b.db", create=True).close()
    context = multiprocessing.get_context("fork")
    done = [context.Value("i", 0) for _ in range(2)]
    both = [
        context.Process(target=_write_many, args=(tmp_path / "b.db", who, 40, count))
        for who, count in zip(("ada", "eve"), done)
    ]
    for one in both:
        one.start()
    for one in both:
        one.join(60)
    found = Store(tmp_path / "b.db").history()
    assert sorted(r.who for r in found) == ["ada"] * 40 + ["eve"] * 40


def test_a_kill_loses_nothing_that_was_recorded(tmp_path):
    context = multiprocessing.get_context("fork")
    draw = random.Random(0)
    for kill in range(5):
        path = tmp_path / f"{kill}.db"
        Store(path, create=True).close()
        done = context.Value("i", 0)
        writer = context.Process(target=_write_many, args=(path, "ada", 10_000, done))
        writer.start()
        while done.value < 3:
            time.sleep(0.005)
        time.sleep(draw.uniform(0, 0.05))
        os.kill(writer.pid, signal.SIGKILL)
        writer.join()
        found = Store(path).history()
        assert len(found) in (done.value, done.value + 1)
        assert Store(path).connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
