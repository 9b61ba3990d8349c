"""Grading a class: every file a row, nothing lost by a kill, likeness seen, pages for students."""

import csv
import json
import multiprocessing
import os
import random
import signal
import sys
import time
from pathlib import Path

import pytest

from pushforward_course.class_site import address
from pushforward_course.cli import main
from pushforward_course.failures import CourseError
from pushforward_course.practice import batch, similarity
from pushforward_course.practice.checking import hint
from pushforward_course.practice.masters import master, students
from pushforward_course.practice.submissions import read

sys.path.insert(0, str(Path(__file__).parent))
import classes
from sandboxed import needs_a_sandbox

pytestmark = pytest.mark.xdist_group("grading")


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """All kinds of submissions, graded by the command."""
    root = tmp_path_factory.mktemp("class")
    masters = classes.masters(root / "masters")
    expected = classes.submissions(root / "in")
    command = ["grade", "hw1", str(root / "in"), "--out", str(root / "out" / "grades.csv")]
    main([*command, "--masters", str(masters), "--hint-cost", "0.5", "--seed", "12"])
    return root, expected


def table(root):
    with open(root / "out" / "grades.csv", newline="", encoding="utf-8") as file:
        return {row["file"].removeprefix("'"): row for row in csv.DictReader(file)}


@needs_a_sandbox
def test_every_file_has_a_row_with_points_and_words(graded):
    root, expected = graded
    rows = table(root)
    assert set(rows) == set(expected)
    for name, (told, points) in expected.items():
        assert (name, float(rows[name]["total"])) == (name, points)
        assert told in rows[name]["note"]
        assert rows[name]["note"] or points >= 12


@needs_a_sandbox
@pytest.mark.parametrize(
    ("file", "told"),
    [
        ("half.py", "double(7"),
        ("blank.py", "not written yet"),
        ("syntax.py", "a cell failed: cell 2: SyntaxError"),
        ("missing.py", "there is no function double_list"),
        ("two answers.py", "double_list is defined 2 times"),
        ("without words.py", "nothing is written under **Answer to double**"),
        ("hostile.py", "could not be loaded"),
    ],
)
def test_what_a_student_is_told(graded, file, told):
    note = table(graded[0])[file]["note"]
    assert told.rstrip("7") in note
    assert "Traceback" not in note


@needs_a_sandbox
def test_no_cell_is_a_formula_for_a_spreadsheet(graded):
    text = (graded[0] / "out" / "grades.csv").read_text("utf-8")
    for row in csv.reader(text.splitlines()):
        assert not any(cell.startswith(("=", "+", "@")) for cell in row)


@needs_a_sandbox
def test_feedback_and_answers_show_texts_as_texts(graded):
    root, expected = graded
    pages = list((root / "out" / "grades.feedback").glob("*.html"))
    assert len(pages) == len({Path(name).stem for name in expected})
    assert not any("<b>ün" in page.read_text("utf-8") for page in pages)
    answers = (root / "out" / "grades.answers.html").read_text("utf-8")
    assert answers.count("x + x is twice x, by counting.") >= 5


@needs_a_sandbox
def test_the_seed_is_recorded_and_a_second_run_repeats_nothing(graded, capsys):
    root, _ = graded
    journal = root / "out" / "grades.journal.jsonl"
    head = json.loads(journal.read_text().splitlines()[0])
    assert head["seed"] == 12
    before = {name: row["total"] for name, row in table(root).items()}
    capsys.readouterr()
    command = ["grade", "hw1", str(root / "in"), "--out", str(root / "out" / "grades.csv")]
    main([*command, "--masters", str(root / "masters"), "--hint-cost", "0.5"])
    again = capsys.readouterr().out
    assert "right " not in again
    assert {name: row["total"] for name, row in table(root).items()} == before


@needs_a_sandbox
def test_points_by_hand_are_kept(graded):
    root, _ = graded
    path = root / "out" / "grades.csv"
    rows = list(csv.DictReader(path.read_text("utf-8").splitlines()))
    for row in rows:
        if row["student"] == "right":
            row["double manual"] = "7.5"
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    command = ["grade", "hw1", str(root / "in"), "--out", str(path)]
    main([*command, "--masters", str(root / "masters"), "--hint-cost", "0.5"])
    assert table(root)["right.py"]["double manual"] == "7.5"


@needs_a_sandbox
def test_other_settings_do_not_mix(graded):
    root, _ = graded
    command = ["grade", "hw1", str(root / "in"), "--out", str(root / "out" / "grades.csv")]
    with pytest.raises(SystemExit, match="another hint_cost"):
        main([*command, "--masters", str(root / "masters"), "--hint-cost", "1"])


def test_a_task_that_is_none_and_a_folder_that_is_none(tmp_path):
    source = classes.masters(tmp_path / "masters")
    with pytest.raises(CourseError, match="has no task tripel"):
        batch.Settings("hw2", ("tripel",)).chosen(master("hw2", source))
    with pytest.raises(CourseError, match="there is no folder"):
        batch.files_in(tmp_path / "none")
    (tmp_path / "in").mkdir()
    with pytest.raises(CourseError, match="holds no submissions"):
        batch.files_in(tmp_path / "in")
    with pytest.raises(CourseError, match="no master of hw9"):
        master("hw9", source)


def _grade(root, many):
    batch.graded(
        batch.Settings("hw1"), root / many, root / "k" / "g.csv", source=root / "masters", seed=5
    )


def kill_and_go_on(root, draw):
    """Kills a grading run at a random moment, and returns what its journal held then."""
    run = multiprocessing.get_context("fork").Process(target=_grade, args=(root, "in"))
    run.start()
    time.sleep(draw.uniform(0.02, 0.6))
    os.kill(run.pid, signal.SIGKILL)
    run.join()
    return whole(root)


def whole(root):
    journal = root / "k" / "g.journal.jsonl"
    text = journal.read_bytes() if journal.exists() else b""
    return [json.loads(line) for line in text[: text.rfind(b"\n") + 1].splitlines()]


def a_class(root, count):
    classes.masters(root / "masters")
    (root / "in").mkdir()
    for n in range(count):
        (root / "in" / f"s{n:03}.py").write_text(classes.RIGHT + f"\n# student {n}\n")
    return root


@needs_a_sandbox
@pytest.mark.slow
def test_kills_lose_no_result(tmp_path):
    """`python tests/course/grading_kills.py 200` is the long form."""
    root, draw = a_class(tmp_path, 12), random.Random(1)
    kept = []
    for _ in range(6):
        found = kill_and_go_on(root, draw)
        assert found[: len(kept)] == kept
        kept = found
    _grade(root, "in")
    assert len({line["student"] for line in whole(root)[1:]}) == 12
    assert len(whole(root)) == 13, "a submission was graded twice"


def test_a_torn_line_is_taken_off(tmp_path):
    file = tmp_path / "j.jsonl"
    file.write_text('{"a": 1}\n{"b": 2}\n{"c"')
    assert batch._whole_lines(file) == ['{"a": 1}', '{"b": 2}']
    assert file.read_text() == '{"a": 1}\n{"b": 2}\n'


ORIGINAL = """
def count_paths(degrees):
    paths = torch.eye(len(degrees[0]), dtype=torch.float64)
    for below, above in zip(degrees[:-2], degrees[1:-1]):
        mask = (above[:, None] >= below[None, :]).double()
        paths = mask @ paths
    last = (degrees[-1][:, None] > degrees[-2][None, :]).double()
    result = last @ paths
    return result

def heads(x, logits, means, log_scales):
    scale = log_scales.exp()
    upper = torch.sigmoid((x[:, None] - means + 0.5) / scale)
    lower = torch.sigmoid((x[:, None] - means - 0.5) / scale)
    return (logits.softmax(1) * (upper - lower)).sum(1).log()
"""
OTHER = """
def count_paths(degrees):
    total = torch.eye(degrees[0].numel()).double()
    for layer in range(1, len(degrees) - 1):
        mask = torch.ge(degrees[layer].unsqueeze(1), degrees[layer - 1].unsqueeze(0))
        total = mask.to(total) @ total
    return torch.gt(degrees[-1].unsqueeze(1), degrees[-2].unsqueeze(0)).to(total) @ total

def heads(x, logits, means, log_scales):
    edges = torch.stack([x - 0.5, x + 0.5]).unsqueeze(-1)
    both = torch.special.expit((edges - means) * torch.exp(-log_scales))
    return torch.log(torch.einsum("nk,nk->n", torch.softmax(logits, -1), both.diff(dim=0)[0]))
"""


def test_renamed_variables_are_seen_through():
    renamed = ORIGINAL.replace("paths", "p").replace("mask", "m_1").replace("above", "oben")
    renamed = renamed.replace("below", "unten").replace("upper", "u").replace("0.5", ".5")
    renamed = renamed.replace("    return result", "    # my own work\n    return result")
    found = similarity.pairs({"ann": ORIGINAL, "bob": renamed, "eve": OTHER})
    assert [(pair.first, pair.second) for pair in found] == [("ann", "bob")]
    assert found[0].share > 0.9


def test_what_all_were_given_is_nobodys_own():
    assert similarity.pairs({"ann": ORIGINAL, "bob": ORIGINAL}, given=ORIGINAL) == []


def test_code_that_cannot_be_read_is_like_nothing():
    assert similarity.pairs({"ann": "def f(:\n  '''", "bob": "\x00((("}) == []


def test_hints_are_given_one_by_one_and_noted(tmp_path):
    file = tmp_path / "my.py"
    file.write_text("def alpha_divergence(p, q, alpha):\n    raise NotImplementedError\n")
    first, second = hint("hw1", file, 1), hint("hw1", file, 1)
    assert first != second
    assert read(file).hints == {"alpha": 2}
    with pytest.raises(CourseError, match="you have them all"):
        hint("hw1", file, 1)
    with pytest.raises(CourseError, match="tasks 1 to 5"):
        hint("hw1", file, 6)


@pytest.mark.slow
def test_check_tells_points_and_inputs_and_never_the_solution(tmp_path, capsys):
    cells = students(master("hw1").cells, "pip install x")
    text = "\n\n# %%\n".join(cell.text for cell in cells if not cell.markdown)
    right = "    return 2 * alpha + p.sum() * 0\n"
    text = text.replace('    """D_alpha(p || q) in nats."""\n', '    """D_alpha."""\n' + right)
    (tmp_path / "my.py").write_text(text)
    main(["check", "hw1", str(tmp_path / "my.py"), "--only", "unit"])
    told = capsys.readouterr().out
    assert "alpha_divergence([" in told
    assert "0 of 5 points by the public tests" in told
    assert "ratio" not in told


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("my.ipynb", "{}", "is no notebook"),
        ("my.py", "", "is empty"),
        ("my.py", "def receptive_field(a): return 1", "looks like hw2"),
        ("my.txt", "x", "neither .py nor .ipynb"),
    ],
)
def test_check_tells_what_is_wrong_with_a_file(tmp_path, name, content, told):
    (tmp_path / name).write_text(content)
    with pytest.raises(SystemExit, match=told):
        main(["check", "hw1", str(tmp_path / name)])
    with pytest.raises(SystemExit, match="there is no homework 'hw9'"):
        main(["check", "hw9", str(tmp_path / name)])


def test_addresses_differ_and_follow_from_the_secret():
    assert address("s" * 16, "ann") != address("s" * 16, "bob")
    assert address("s" * 16, "ann") != address("t" * 16, "ann")
    assert address("s" * 16, "ann") == address("s" * 16, "ann")


def test_a_site_of_a_class(tmp_path):
    feedback = tmp_path / "grades.feedback"
    feedback.mkdir()
    (feedback / "ann.html").write_text("<p>ann's points</p>")
    plan = {"title": "DGM 2026", "secret": "a long enough secret"}
    plan["homeworks"] = [
        {"name": "hw1", "deadline": "2026-10-01T23:59+03:00", "feedback": "grades.feedback"},
        {"name": "hw2"},
    ]
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    main(["site", str(tmp_path / "plan.json"), "--out", str(tmp_path / "site")])
    first = (tmp_path / "site" / "index.html").read_text("utf-8")
    assert "01 October 2026, 23:59 UTC+03:00" in first
    assert "ann" not in first
    own = tmp_path / "site" / "s" / address(plan["secret"], "ann")
    assert "ann's points" in (own / "hw1.html").read_text("utf-8")
    assert (tmp_path / "site" / "hw1.ipynb").exists()
    assert "ann,s/" in (tmp_path / "site.addresses.csv").read_text()
    pages = [page.read_text("utf-8") for page in (tmp_path / "site").rglob("*.html")]
    assert not any('href="http' in page or 'src="http' in page for page in pages)
    assert not any("BEGIN SOLUTION" in page for page in pages)


@pytest.mark.parametrize(
    ("plan", "told"),
    [
        ("{", "no plan that can be read"),
        ('{"title": "x", "homeworks": []}', 'lacks "secret"'),
        ('{"title": "x", "secret": "short", "homeworks": []}', "16 characters"),
        (
            '{"title": "x", "secret": "0123456789abcdef", "homeworks": [{"name": "hw9"}]}',
            "no homework 'hw9'",
        ),
    ],
)
def test_a_plan_that_is_none_is_told(tmp_path, plan, told):
    (tmp_path / "plan.json").write_text(plan)
    with pytest.raises(SystemExit, match=told):
        main(["site", str(tmp_path / "plan.json"), "--out", str(tmp_path / "site")])
