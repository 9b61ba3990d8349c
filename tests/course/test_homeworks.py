"""Homeworks: masters earn all points, wrong solutions lose those of their task, nothing leaks."""

import json
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import torch

from pushforward_course.practice import masters
from pushforward_course.practice.asking import Failed
from pushforward_course.practice.checking import HOMEWORKS, public, released
from pushforward_course.practice.grading import results
from pushforward_course.practice.inside import plain
from pushforward_course.practice.percent import from_notebook, from_percent, to_notebook, to_percent
from pushforward_course.practice.projects import papers
from pushforward_course.practice.releasing import INSTALL, release
from pushforward_course.practice.submissions import Submission
from pushforward_course.practice.tasks import POINTS

sys.path.insert(0, str(Path(__file__).parent))
from wrong_solutions import TRAINED, UNIT

NAMES = masters.names()
MASTERS = {name: masters.master(name) for name in NAMES}


class Here:
    """Asks code in this process, where a test needs no wall; the answers are plain as ever."""

    def __init__(self, cells):
        self.module, self.kept, self.twins, self.failures = (
            types.ModuleType("submission"),
            {},
            [],
            [],
        )
        sys.modules["submission"] = self.module
        for cell in cells:
            exec(cell, self.module.__dict__)

    def load(self):
        pass

    def __call__(self, name, *arguments, seconds=0.0):
        try:
            value = getattr(self.module, name)(*map(self.given, arguments))
            return plain.unpacked(plain.packed(value)[8:])
        except Exception as error:
            raise Failed(f"{type(error).__name__}: {error}") from error

    def keep(self, name, *arguments, seconds=0.0):
        try:
            self.kept[name] = getattr(self.module, name)(*map(self.given, arguments))
        except Exception as error:
            raise Failed(f"{type(error).__name__}: {error}") from error
        return plain.Kept(name)

    def twin(self, kept):
        return self

    def given(self, item):
        if isinstance(item, plain.Kept):
            return self.kept[item.name]
        if isinstance(item, list):
            return [self.given(part) for part in item]
        return torch.from_numpy(np.array(item)) if isinstance(item, np.ndarray) else item


def submitted(cells):
    kept = [cell for cell in cells if "hidden" not in cell.tags]
    return Submission("someone", "someone.py", kept)


def graded(name, cells, tasks=None, seed=7):
    master, submission = MASTERS[name], submitted(cells)
    if tasks is None:
        tasks = [task for task in master.homework.tasks if not task.judge.trains]
    ask = Here(submission.code)
    return list(results(master.homework, submission, ask, lambda t: master.cases(t, seed), tasks))


@pytest.mark.parametrize("name", NAMES)
def test_thirteen_points(name):
    tasks = MASTERS[name].homework.tasks
    assert sum(task.points for task in tasks) == POINTS
    assert len({task.name for task in tasks}) == len(tasks)
    assert all(task.hints and task.title for task in tasks)


def test_there_are_six():
    assert len(NAMES) == 6


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("seed", [0, 1, 2**90])
def test_the_master_has_all_points_of_what_does_not_train(name, seed):
    found = graded(name, MASTERS[name].cells, seed=seed)
    assert [r.told for r in found if r.value != r.of] == []


TRAINING = [
    (name, task.name)
    for name in NAMES
    for task in MASTERS[name].homework.tasks
    if task.judge.trains
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "task"), TRAINING)
def test_the_master_has_all_points_of_what_trains(name, task):
    (found,) = graded(name, MASTERS[name].cells, [MASTERS[name].homework[task]], seed=11)
    assert found.told == ""


def mutated(name, old, new):
    text = (masters.MASTERS / f"{name}.py").read_text("utf-8")
    assert text.count(old) == 1, (text.count(old), old)
    return from_percent(text.replace(old, new))


MUTANTS = [(name, *mutant) for name, found in UNIT.items() for mutant in found]


def test_there_are_sixty_wrong_solutions():
    assert len(MUTANTS) >= 60
    assert all(len(found) >= 10 for found in UNIT.values())


@pytest.mark.parametrize(("name", "task", "old", "new"), MUTANTS)
def test_a_wrong_solution_loses_its_task_and_no_other(name, task, old, new):
    found = graded(name, mutated(name, old, new))
    assert [result.task for result in found if not result.value] == [task]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "task", "old", "new"), [(n, *m) for n, found in TRAINED.items() for m in found]
)
def test_a_wrong_training_loses_its_task(name, task, old, new):
    (found,) = graded(name, mutated(name, old, new), [MASTERS[name].homework[task]])
    assert found.points == "0"


@pytest.mark.parametrize("name", NAMES)
def test_the_blank_version_has_no_points_and_a_friendly_word(name):
    blank = from_percent((HOMEWORKS / f"{name}.py").read_text("utf-8"))
    found = graded(name, blank, MASTERS[name].homework.tasks)
    assert {(result.points, result.told) for result in found} == {("0", "not written yet")}


@pytest.mark.parametrize("name", NAMES)
def test_what_students_have_is_what_the_masters_give(name, tmp_path):
    """`pushforward-course release all -o src/pushforward_course/homeworks` writes them anew."""
    for file in release(name, tmp_path):
        if file.suffix == ".json":
            assert_same_tests(
                json.loads(file.read_text()), json.loads((HOMEWORKS / file.name).read_text())
            )
        else:
            assert file.read_text("utf-8") == (HOMEWORKS / file.name).read_text("utf-8")


def assert_same_tests(made, kept):
    """Equal but for rounding, which differs between processors."""
    for one, other in zip(made.pop("tasks"), kept.pop("tasks")):
        cases = one.pop("cases"), other.pop("cases")
        assert one == other
        assert (cases[0] is None) == (cases[1] is None)
    assert made == kept


def lines_of(text):
    return {line.strip() for line in text.splitlines() if len(line.strip()) > 12}


@pytest.mark.parametrize("name", NAMES)
def test_no_line_of_a_solution_leaks(name):
    """No line between the marks, of a derivation or of a hidden cell is in what students have."""
    text = (masters.MASTERS / f"{name}.py").read_text("utf-8")
    secret = {line for found in masters.SOLUTION.finditer(text) for line in lines_of(found[0])}
    for cell in from_percent(text):
        if "hidden" in cell.tags:
            secret |= lines_of(cell.text)
        if cell.markdown and "**Answer to" in cell.text:
            secret |= lines_of(cell.text.partition("\n")[2])
    assert len(secret) > 20
    given = from_percent((HOMEWORKS / f"{name}.py").read_text("utf-8"))
    shown = {line for cell in given for line in lines_of(cell.text)}
    allowed = {line for line in secret & shown if line.startswith(("import ", "from "))}
    assert secret & shown <= allowed
    assert "SOLUTION" not in (HOMEWORKS / f"{name}.ipynb").read_text("utf-8")


@pytest.mark.parametrize("name", NAMES)
def test_the_first_cell_installs_and_both_forms_hold_the_same(name):
    cells = from_percent((HOMEWORKS / f"{name}.py").read_text("utf-8"))
    assert cells[0].text == f"# !{INSTALL}"
    book = (HOMEWORKS / f"{name}.ipynb").read_text("utf-8")
    assert json.loads(book)["cells"][0]["source"] == [f"!{INSTALL}"]
    assert [(c.text, c.markdown) for c in from_notebook(book)] == [
        (c.text, c.markdown) for c in cells
    ]


def test_notebooks_are_valid():
    nbformat = pytest.importorskip("nbformat")
    for name in NAMES:
        nbformat.validate(nbformat.read(HOMEWORKS / f"{name}.ipynb", 4))


def test_percent_and_notebook_are_inverse():
    for name in NAMES:
        cells = [masters.Cell(c.text, c.markdown) for c in MASTERS[name].cells]
        assert from_percent(to_percent(cells)) == cells
        assert from_notebook(to_notebook(cells)) == cells


@pytest.mark.parametrize("name", NAMES)
def test_public_tests_hold_neither_solution_nor_all_inputs(name):
    told = json.dumps(public(MASTERS[name]))
    assert "return" not in told
    homework, cases = released(name)
    assert [t.name for t in homework.tasks] == [t.name for t in MASTERS[name].homework.tasks]
    assert all(len(found) <= 4 for found in cases.values())


def test_twenty_papers_that_the_library_reproduces_within_an_hour():
    """Each preset of each paper was seen to take less than 20 minutes of a CPU; three seeds fit."""
    import pushforward as pf

    told = json.loads((Path(pf.presets.__file__).parent / "reached.json").read_text())
    assert len(papers()) == 20
    for paper in papers():
        for preset in (paper["baseline"], *paper["presets"]):
            assert hasattr(pf.presets, preset)
            assert min(row["minutes"] for row in told[preset]) < 20
        assert len(paper["milestones"]) == 5


LIBRARY = [
    (name, number)
    for name in NAMES
    for number, cell in enumerate(c for c in MASTERS[name].cells if "library" in c.tags)
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "number"), LIBRARY)
def test_the_library_solves_it_once_more(name, number, capsys):
    """The cells "check yourself" run beside the solution, as a student would run them."""
    cells = [cell for cell in MASTERS[name].cells if "library" in cell.tags]
    scope = {**MASTERS[name].names, "__name__": "__main__"}
    exec(cells[number].text, scope)
    assert capsys.readouterr().out.strip()
