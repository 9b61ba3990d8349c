"""The exam: a bank that covers the lectures, tickets that are fair, pages that print."""

import json
import sys
import time
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

from pushforward_course.cli import main
from pushforward_course.exam.bank import POINTS, bank
from pushforward_course.exam.printing import examiner, pdf, sheets, typeset, written
from pushforward_course.exam.tickets import LEVELS, TOTAL, tickets
from pushforward_course.failures import CourseError
from pushforward_course.pages import write

sys.path.insert(0, str(Path(__file__).parents[1] / "report"))
import chromium


def test_ten_questions_for_each_of_thirteen_lectures():
    assert len(bank()) >= 130
    assert Counter(q.lecture for q in bank()) == dict.fromkeys(range(1, 14), 10)
    assert len({q.question for q in bank()}) == len(bank())


@pytest.mark.parametrize("question", bank(), ids=lambda q: q.name)
def test_a_question_has_an_answer_and_a_rubric_that_adds_up(question):
    assert len(question.question) > 15
    assert len(question.answer) > 40
    assert sum(points for points, _ in question.rubric) == question.points == POINTS[question.level]
    assert len(question.rubric) >= 2
    assert all(points > 0 and text for points, text in question.rubric)


def test_every_ticket_is_worth_26():
    assert TOTAL == 26
    for ticket in tickets(100, seed=3):
        assert ticket.points == 26
        assert tuple(q.level for q in ticket.questions) == LEVELS
        assert len({q.lecture for q in ticket.questions}) == 4


def test_tickets_repeat_under_a_seed_and_differ_without():
    assert tickets(20, seed=5) == tickets(20, seed=5)
    assert tickets(20, seed=5) != tickets(20, seed=6)


@pytest.mark.parametrize("seed", range(5))
def test_neighbours_are_not_alike(seed):
    made = tickets(60, seed)
    for one, other in pairwise(made):
        assert not {q.name for q in one.questions} & {q.name for q in other.questions}
        assert not {q.lecture for q in one.questions} & {q.lecture for q in other.questions}


@pytest.mark.parametrize("seed", range(5))
def test_lectures_are_used_evenly(seed):
    count = Counter(q.lecture for ticket in tickets(39, seed) for q in ticket.questions)
    assert set(count) == set(range(1, 14))
    assert max(count.values()) - min(count.values()) <= 2  # 12 each, were it exact


def test_tickets_of_some_lectures():
    assert {q.lecture for t in tickets(10, 0, (1, 2, 3, 4)) for q in t.questions} == {1, 2, 3, 4}
    with pytest.raises(CourseError, match="at least 4 lectures"):
        tickets(10, 0, (1, 2))
    with pytest.raises(CourseError, match="1 to 1000"):
        tickets(0, 0)


def test_printing_shows_answers_only_where_asked(tmp_path):
    made = tickets(3, seed=1)
    without, with_answers = sheets(made, answers=False), sheets(made, answers=True)
    for question in (q for ticket in made for q in ticket.questions):
        answer = typeset(question.answer)
        assert answer in with_answers
        assert answer not in without
    assert without.count('class="sheet"') == 3
    assert "http" not in without


def test_the_command_writes_all(tmp_path, capsys):
    main(["exam", "tickets", "--count", "4", "--seed", "9", "--out", str(tmp_path / "e")])
    names = {path.name for path in (tmp_path / "e").iterdir()}
    assert names == {"tickets.html", "answers.html", "examiner.html", "tickets.json"}
    told = json.loads((tmp_path / "e" / "tickets.json").read_text())
    assert told["seed"] == 9
    assert len(told["tickets"]) == 4
    main(["exam", "bank", "--out", str(tmp_path / "bank.html")])
    assert (tmp_path / "bank.html").read_text("utf-8").count("<strong>Answer.") == len(bank())


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.skipif(chromium.found() is None, reason="no Chromium on the PATH")
def test_tickets_as_pdf(tmp_path):
    files = written(tickets(2, 0), tmp_path, 0, True)
    assert {file.name for file in files} >= {"tickets.pdf", "answers.pdf"}
    assert (tmp_path / "tickets.pdf").read_bytes().startswith(b"%PDF")


def test_pdf_without_a_browser_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CourseError, match="install it, or print"):
        pdf(tmp_path / "a.html", tmp_path / "a.pdf")


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.skipif(chromium.found() is None, reason="no Chromium on the PATH")
def test_the_examiners_page_counts_and_remembers(tmp_path):
    made = tickets(3, seed=1)
    page = write(tmp_path / "examiner.html", examiner(made))
    browser = chromium.Chromium(tmp_path / "profile")
    try:
        browser.open(page, 1000)
        browser.ask("document.querySelector('#student').value = 'ann'")
        browser.ask(
            "[...document.querySelectorAll('section:not([hidden]) input')].forEach(i => i.click())"
        )
        assert browser.ask("document.querySelector('#total').textContent") == "26 of 26"
        assert browser.ask("document.querySelector('#done').textContent") == (
            'student,points,ticket\n"ann",26,1\n'
        )
        browser.ask("document.querySelector('section:not([hidden]) input').click()")
        first = made[0].questions[0].rubric[0][0]
        assert browser.ask("document.querySelector('#total').textContent") == f"{26 - first} of 26"
        for _ in range(50):  # what is stored reaches a new page a moment later
            browser.open(page, 1000)
            if '"ann"' in browser.ask("document.querySelector('#done').textContent"):
                return
            time.sleep(0.1)
        raise AssertionError("nothing was remembered")
    finally:
        browser.close()
