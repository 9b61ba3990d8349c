"""A lecturer's week as a new user would live it: publish, release, submit, grade, record, exam."""

import csv
import json
import sys
from pathlib import Path

import pytest

from pushforward_course.class_site import address
from pushforward_course.cli import main
from pushforward_course.practice.masters import master
from pushforward_course.practice.percent import Cell, to_notebook, to_percent

sys.path.insert(0, str(Path(__file__).parent))
from sandboxed import needs_a_sandbox

HOSTILE = (
    "import os, sys, atexit\n"
    "def alpha_divergence(p, q, alpha):\n"
    "    class Yes(float):\n        def __eq__(self, other): return True\n"
    "    open('/etc/passwd').read()\n    return Yes(1)\n"
    "def count_paths(degrees):\n    os.kill(os.getppid(), 9)\n"
    "def mixture_log_prob(*a):\n    os._exit(0)\n"
)


def handed_in(folder, blank):
    """Four students: right, wrong in one task, blank, hostile."""
    folder.mkdir()
    cells = [Cell(c.text, c.markdown) for c in master("hw1").cells if "hidden" not in c.tags]
    (folder / "ann.ipynb").write_text(to_notebook(cells))
    wrong = to_percent(cells).replace("(1 + alpha) / 2", "(1 - alpha) / 2")
    (folder / "bob.py").write_text(wrong)
    (folder / "cyd.py").write_text(blank.read_text("utf-8"))
    (folder / "dan.py").write_text(HOSTILE)


@needs_a_sandbox
@pytest.mark.slow
@pytest.mark.xdist_group("grading")
def test_a_week(tmp_path, capsys):
    # Publish: a page of the class with homework and deadline.
    plan = {"title": "DGM", "secret": "known to the lecturer alone"}
    plan["homeworks"] = [{"name": "hw1", "deadline": "2026-10-01T23:59"}]
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    main(["site", str(tmp_path / "plan.json"), "--out", str(tmp_path / "site")])

    # Release, and students hand in.
    main(["release", "hw1", "--out", str(tmp_path / "hw1")])
    handed_in(tmp_path / "in", tmp_path / "hw1" / "hw1.py")

    # Grade what does not train, in a sandbox.
    grades = tmp_path / "hw1.csv"
    main(["grade", "hw1", str(tmp_path / "in"), "-o", str(grades), "--only", "unit"])
    rows = {row["student"]: row for row in csv.DictReader(grades.read_text("utf-8").splitlines())}
    totals = {student: row["total"] for student, row in rows.items()}
    assert totals == {"ann": "5", "bob": "3", "cyd": "0", "dan": "0"}
    assert "not written yet" in rows["cyd"]["note"]

    # Feedback to each student's own page.
    plan["homeworks"][0]["feedback"] = "hw1.feedback"
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    main(["site", str(tmp_path / "plan.json"), "--out", str(tmp_path / "site")])
    own = tmp_path / "site" / "s" / address(plan["secret"], "bob") / "hw1.html"
    assert "alpha_divergence([" in own.read_text("utf-8")

    # The gradebook, the exam, final grades.
    book = str(tmp_path / "book.db")
    main(["gradebook", "new", book])
    (tmp_path / "class.csv").write_text("student\nann\nbob\ncyd\ndan\n")
    main(["gradebook", "students", book, str(tmp_path / "class.csv")])
    main(["gradebook", "load", book, "hw1", str(grades)])
    main(["exam", "tickets", "--count", "4", "--seed", "1", "--out", str(tmp_path / "exam")])
    (tmp_path / "exam.csv").write_text("student,points\nann,26\nbob,14\n")
    main(["gradebook", "load", book, "exam", str(tmp_path / "exam.csv")])
    main(["gradebook", "final", book, "--out", str(tmp_path / "final.csv")])
    final = {
        r["student"]: r for r in csv.DictReader((tmp_path / "final.csv").read_text().splitlines())
    }
    assert {s: (r["total"], r["grade"]) for s, r in final.items()} == {
        "ann": ("31", "1.875"),
        "bob": ("17", "0.125"),
        "cyd": ("0", "0"),
        "dan": ("0", "0"),
    }
    assert capsys.readouterr().err == ""
