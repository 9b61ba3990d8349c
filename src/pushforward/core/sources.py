"""What is built, read off the sources without running them: what `list` and `--help` need.

To import the library is to import torch, which takes longer than anybody waits for a list. The
catalogue, which imports everything, says the same.
"""

from __future__ import annotations

import ast
import functools
import inspect
import re
import typing
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .catalogue import ROOMS, Preset, System, Usage, home, nearest, numbers_of, with_numbers

SOURCES = Path(__file__).parent.parent
REGISTERS = re.compile(r"^system\((?:.*\)|\n(?:.*\n)*?\))$", re.MULTILINE)


@functools.cache
def systems() -> tuple[System, ...]:
    """All systems that are built, by lecture and id."""
    found = [_system(call, file) for file in _files() for call in REGISTERS.findall(_text(file))]
    return tuple(sorted(found, key=lambda s: (s.lecture, s.id)))


@functools.cache
def presets() -> dict[str, Preset]:
    """All presets by name. Their functions have signature and docstring, and build nothing."""
    found = {}
    for name, build, words in decorated("presets", "preset"):
        numbers = numbers_of(name)
        build.__doc__ = with_numbers(build.__doc__, numbers)
        found[name] = Preset(name, build, words, numbers)
    return dict(sorted(found.items()))


def preset_called(name: str) -> Preset:
    """The preset of that name, as it is written. Raises Usage, naming the nearest."""
    if name not in presets():
        raise nearest(name, list(presets()), "preset")
    return presets()[name]


def system_called(name: str) -> System | None:
    """The system of that id, None where there is none."""
    return next((system for system in systems() if system.id == name), None)


def rows(lecture: int | None = None, family: str | None = None) -> list[dict[str, Any]]:
    """The catalogue as JSON: a row per system with its presets and the numbers they reached.

    Args:
        lecture: of the course, 1 to 13; None for all.
        family: as rows have it, such as "flow"; None for all.

    Raises:
        Usage: where there is no such lecture or family, naming those that there are.
    """
    _known("lecture", lecture)
    _known("family", family)
    return [
        _row(system)
        for system in systems()
        if lecture in (None, system.lecture) and family in (None, system.family)
    ]


def _row(system: System) -> dict[str, Any]:
    shown = [p for p in presets().values() if system.id in p.systems]
    reached = {p.name: [asdict(number) for number in p.reached] for p in shown}
    return {**asdict(system), "presets": list(reached), "reached": reached}


def _known(what: str, value: object) -> None:
    there = sorted({getattr(system, what) for system in systems()})
    if value is not None and value not in there:
        raise Usage(f"no {what} is {value!r}: there are {', '.join(map(str, there))}")


def decorated(room: str, decorator: str) -> Iterator[tuple[str, Callable, tuple[str, ...]]]:
    """The functions of a room under a decorator: name, signature with docstring, its words."""
    for file in sorted((SOURCES / room).glob("*.py")):
        if f"\n@{decorator}" in _text(file):
            for node in ast.parse(_text(file)).body:
                words = _words(node, decorator)
                if isinstance(node, ast.FunctionDef) and words is not None:
                    yield node.name, _signature(node, file), words


def _files() -> Iterator[Path]:
    for room in ROOMS:
        yield from sorted((SOURCES / room).rglob("*.py"))


@functools.cache
def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8")


def _system(call: str, file: Path) -> System:
    expression = ast.parse(call, mode="eval").body
    assert isinstance(expression, ast.Call)
    told: dict[str, Any] = {
        str(word.arg): ast.literal_eval(word.value) for word in expression.keywords
    }
    room = file.relative_to(SOURCES).with_suffix("").parts
    module = ".".join(("pushforward", *room)).removesuffix(".__init__")
    where: dict[str, Any] = {"kind": told.pop("kind", "model"), **home(module)}
    return System(id=ast.literal_eval(expression.args[0]), **told, **where)


def _words(node: ast.stmt, decorator: str) -> tuple[str, ...] | None:
    """The texts that a decorator is given over a function; None where it is not there."""
    for found in node.decorator_list if isinstance(node, ast.FunctionDef) else ():
        call = found.func if isinstance(found, ast.Call) else found
        if isinstance(call, ast.Name) and call.id == decorator:
            given = found.args if isinstance(found, ast.Call) else []
            return tuple(ast.literal_eval(word) for word in given)
    return None


def _signature(node: ast.FunctionDef, file: Path) -> Callable:
    """A function of the same signature and docstring that does nothing."""
    words = ast.get_docstring(node, clean=False) or ""
    node.body = [ast.Expr(ast.Constant(words))]
    node.decorator_list, node.returns = [], None
    module = ast.fix_missing_locations(ast.Module([node], []))
    known: dict[str, Any] = {"Literal": typing.Literal, "Path": Path}
    exec(compile(module, str(file), "exec", annotations.compiler_flag), known)
    function = known[node.name]
    assert inspect.isfunction(function)
    return function
