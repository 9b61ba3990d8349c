"""Masters: percent files with marked solutions and hidden tests, and what students receive."""

from __future__ import annotations

import re
import sys
import types
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..failures import CourseError
from .inside.plain import packed, unpacked
from .percent import Cell, from_percent
from .tasks import Homework, Task

MASTERS = Path(__file__).parents[1] / "masters"
SOLUTION = re.compile(r"^([ \t]*)# BEGIN SOLUTION\n.*?^[ \t]*# END SOLUTION\n?", re.M | re.S)
ANSWER = re.compile(r"^(\*\*Answer to [\w-]+\*\*).*", re.M | re.S)
BLANK = '{indent}raise NotImplementedError("this is yours to write")\n'
OWN = "# What else you need goes here.\n\n\n"
PLACE = "*write here*"
HIDDEN, INSTALL, LIBRARY = "hidden", "install", "library"


@dataclass(frozen=True)
class Master:
    """A homework with its solution, which is Python that this process trusts."""

    homework: Homework
    cells: list[Cell]
    names: dict[str, Any]

    def expected(self, task: Task, inputs: Iterable[Any]) -> Any:
        """What the solution answers, as plain data."""
        given = (_tensors(item) for item in unpacked(packed(list(inputs))[8:]))
        return unpacked(packed(self.names[task.calls[0]](*given))[8:])

    def cases(self, task: Task, seed: int) -> list[Any]:
        """Inputs and expected answers of a task, or one generator where its judge draws its own."""
        stream = task.stream(self.homework.name, seed)
        if task.cases is None:
            return [stream]
        return [(list(inputs), self.expected(task, inputs)) for inputs in task.cases(stream)]


def _tensors(item: Any) -> Any:
    """An input as the worker gives it to a submission."""
    if isinstance(item, list):
        return [_tensors(part) for part in item]
    return torch.from_numpy(item) if isinstance(item, np.ndarray) else item


def names(folder: Path = MASTERS) -> list[str]:
    """The homeworks of which there are masters."""
    return sorted(file.stem for file in folder.glob("hw*.py"))


def master(name: str, folder: Path = MASTERS) -> Master:
    """Reads a master. Raises CourseError where there is none."""
    file = folder / f"{name}.py"
    if not file.is_file():
        known = ", ".join(names(folder)) or "none; the wheel leaves them out, a checkout has them"
        raise CourseError(f"there is no master of {name} in {folder}: there are {known}")
    text = file.read_text("utf-8")
    module = types.ModuleType(f"pushforward_course_master_{name}")
    sys.modules[module.__name__] = module  # dataclasses look their module up
    exec(compile(text, str(file), "exec"), module.__dict__)
    return Master(module.homework, from_percent(text), module.__dict__)


def students(cells: list[Cell], install: str) -> list[Cell]:
    """What students receive: no solutions, no hidden cells, a first cell that installs."""
    kept = [cell for cell in cells if HIDDEN not in cell.tags and not _is_title(cell)]
    kept.sort(key=lambda cell: INSTALL not in cell.tags)
    return [_installing(cell, install) for cell in map(_blank, kept)]


def _is_title(cell: Cell) -> bool:
    """The module's docstring, which only Python needs."""
    return cell.text.startswith('"""') and cell.text.endswith('"""') and "\n" not in cell.text


def _blank(cell: Cell) -> Cell:
    if cell.markdown:
        return Cell(ANSWER.sub(rf"\1\n\n{PLACE}", cell.text), True)
    text = SOLUTION.sub(lambda found: BLANK.format(indent=found[1]) if found[1] else OWN, cell.text)
    return Cell(text.rstrip("\n"), False, cell.tags)


def _installing(cell: Cell, install: str) -> Cell:
    return Cell(f"# !{install}") if INSTALL in cell.tags else cell
