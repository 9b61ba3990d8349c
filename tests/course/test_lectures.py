"""The lectures as text: topics, theorems, tests, exercises. Needs the library alone."""

import re
from collections import Counter
from pathlib import Path

import pytest

from pushforward_course import settings
from pushforward_course.failures import cells, failing_cell, told
from pushforward_course.source import source_in, source_of
from pushforward_course.topics import anchors, plans

ROOT = Path(__file__).parents[2]
PAGES = {settings.number(page): page for page in settings.pages()}
THEOREMS = re.compile(r"\{prf:(theorem|proposition|lemma|corollary)\}")

lectures = pytest.mark.parametrize("page", PAGES.values(), ids=lambda page: page.stem)


def test_thirteen_lectures_are_planned():
    assert [plan.lecture for plan in plans()] == list(range(1, 14))
    assert 1 in PAGES


@pytest.mark.parametrize("plan", plans(), ids=lambda plan: plan.title)
def test_every_topic_has_its_anchor(plan):
    if plan.lecture not in PAGES:
        pytest.skip(f"lecture {plan.lecture} is not written yet")
    found = anchors(PAGES[plan.lecture].read_text("utf-8"))
    missing = {anchor: topic for anchor, topic in plan.topics.items() if anchor not in found}
    assert not missing


@lectures
def test_every_theorem_is_proved_and_checked(page):
    """After each theorem come its proof and the test that checks it, before the next."""
    text = page.read_text("utf-8")
    starts = [found.start() for found in THEOREMS.finditer(text)]
    assert len(starts) >= 5
    for start, end in zip(starts, [*starts[1:], len(text)]):
        part = text[start:end]
        title = part.splitlines()[0]
        assert "{prf:proof}" in part, f"{title} has no proof"
        assert "{checked-by}" in part, f"{title} has no test"


@lectures
def test_every_named_test_and_object_exists(page):
    text = page.read_text("utf-8")
    for name in re.findall(r"\{checked-by\} (\S+)", text):
        file, _, test = name.partition("::")
        assert source_in(ROOT / file, test.split("::")).text.strip()
    for name in re.findall(r"\{code-of\} (\S+)", text):
        assert source_of(name).text.strip()


@lectures
def test_exercises_have_answers_of_every_level(page):
    text = page.read_text("utf-8")
    exercises = re.findall(r"\{exercise\}.*?(?=\n::::\n)", text, re.S)
    assert len(exercises) >= 8
    assert all("{answer}" in exercise for exercise in exercises)
    levels = Counter(re.findall(r"^:level: (\w+)$", text, re.M))
    assert set(levels) == {"recall", "derive", "proof", "code"}


@lectures
def test_something_to_touch_and_to_guess(page):
    text = page.read_text("utf-8")
    assert "slider(" in text or "Frames(" in text
    assert "{predict}" in text
    assert "{pitfall}" in text
    assert text.count("{slide}") >= 4


def test_labels_are_unique():
    """One name, one place: over all lectures."""
    found = [a for page in PAGES.values() for a in anchors(page.read_text("utf-8"))]
    assert len(found) == len(set(found))
    plans_of = [anchor for plan in plans() for anchor in plan.topics]
    assert len(plans_of) == len(set(plans_of))


def test_a_failing_cell_is_named(tmp_path):
    page = tmp_path / "03-vae.md"
    page.write_text(
        "```{code-cell}\n:tags: [hide-input]\nx = 1\n```\n\ntext\n\n```{code-cell}\n1 / 0\n```\n"
    )
    report = (
        "CellExecutionError: An error occurred while executing the following cell:\n"
        "------------------\n1 / 0\n------------------\n\n"
        "Traceback ...\nZeroDivisionError: division by zero\n"
    )
    assert cells(page.read_text()) == ["x = 1", "1 / 0"]
    assert failing_cell(report, page.read_text()) == 2
    assert failing_cell("nothing", page.read_text()) is None
    said = told(page, report)
    assert "lecture 03-vae, cell 2 failed" in said
    assert "division by zero" in said
    assert "pushforward-course build --lecture 3" in said


def test_sources_are_found_by_name():
    source = source_of("pushforward.objectives.f_divergences.KL")
    assert source.text.startswith("KL = FDivergence(")
    method = source_of("pushforward.objectives.f_divergences.FDivergence.bound")
    assert method.text.startswith("def bound(self")
    assert '"""' not in method.text
    with pytest.raises(LookupError, match="no nothing"):
        source_of("pushforward.objectives.alpha.nothing")
    with pytest.raises(LookupError, match="no module"):
        source_of("nowhere.at.all")
