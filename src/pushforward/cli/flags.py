"""Flags from signatures: the knobs of a preset or picture, and the user's own files."""

from __future__ import annotations

import dataclasses
import functools
import importlib.machinery
import importlib.util
import inspect
import sys
import traceback
import types
import typing
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import tyro

from ..core.catalogue import Usage
from .knobs import KNOBS

JSON = Annotated[bool, tyro.conf.arg(name="json", help="print JSON")]
"""An option of every command."""


def load_file(file: str) -> Any:
    """Runs the user's Python file as a module, so that what it declares is registered.

    Its name is private to it: a file may be called as a module of Python is. Raises Usage for a
    file that cannot be run, with the line.
    """
    from ..core.values import private

    path = Path(file)
    if not path.is_file():
        raise Usage(f"there is no file {file}")
    name = private(path)
    loader = importlib.machinery.SourceFileLoader(name, str(path))
    module = types.ModuleType(name)
    module.__file__, module.__loader__ = str(path), loader
    module.__spec__ = importlib.util.spec_from_loader(name, loader)
    sys.modules[name] = module
    try:
        exec(compile(path.read_bytes(), str(path), "exec", dont_inherit=True), vars(module))
    except Exception as error:
        del sys.modules[name]
        raise Usage(f"{file} cannot be run: {_where(error, path)}") from error
    return module


def careful(build: Callable[..., Any], file: str, kind: str | None = None) -> Callable[..., Any]:
    """A function of the user's file, whose errors are told in a line: Usage, with the place.

    What it returns must be of that class of the contract, where one is given.
    """

    @functools.wraps(build)
    def call(*args: Any, **options: Any) -> Any:
        try:
            found = build(*args, **options)
        except Exception as error:
            raise Usage(f"{build.__name__} of {file} fails: {_where(error, Path(file))}") from error
        if kind is not None and kind not in (cls.__name__ for cls in type(found).__mro__):
            given = type(found).__name__
            raise Usage(f"{build.__name__} of {file} must return a {kind} model, not a {given}")
        return found

    return call


def _where(error: Exception, path: Path) -> str:
    """An error of the user's code: what it is, and the last line of the file that led there."""
    if isinstance(error, SyntaxError):
        return f"{type(error).__name__} in line {error.lineno}: {error.msg}"
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == str(path)]
    place = f" in line {lines[-1]}" if lines else ""
    return f"{type(error).__name__}{place}: {error}"


def parse(
    name: str, build: Callable[..., Any], flags: list[str], options: type, command: str = "train"
) -> tuple[dict[str, Any], Any]:
    """The knobs of a preset or picture and the command's `options`, from one set of flags.

    An option that the preset has itself is the preset's.
    """
    own = inspect.signature(build).parameters
    beside = {f.name: f for f in dataclasses.fields(options) if f.name not in own}
    fields = [*_knobs(name, build), *(_option(options, field) for field in beside.values())]
    Arguments = dataclasses.make_dataclass("Arguments", fields)
    words = inspect.getdoc(build) or ""
    parsed: Any = tyro.cli(
        Arguments, prog=f"pushforward {command} {name}", description=words, args=flags
    )
    values = {field.name: getattr(parsed, field.name) for field in dataclasses.fields(parsed)}
    return {k: values[k] for k in own}, options(**{k: values[k] for k in beside})


def _knobs(name: str, build: Callable) -> Iterator[tuple[str, Any, Any]]:
    """The fields of a function's keywords."""
    hints, told = _hints(build), _told(build)
    for knob, parameter in inspect.signature(build).parameters.items():
        if parameter.default is parameter.empty:
            raise Usage(f"{name} needs {knob!r}: a knob must have a default")
        words = told.get(knob) or KNOBS.get(knob, "")
        yield (
            knob,
            _told_of(hints.get(knob, str), words),
            dataclasses.field(default=parameter.default),
        )


def _told_of(kind: Any, words: str, name: str | None = None) -> Any:
    """A type with what `--help` says of its flag, which may have another name."""
    return Annotated[kind, tyro.conf.arg(help=words, name=name)]


def _option(options: type, field: dataclasses.Field) -> tuple[str, Any, Any]:
    """The field of a command's option, whose words stand in its annotation."""
    hint = typing.get_type_hints(options, include_extras=True)[field.name]
    kind, said = typing.get_args(hint)
    name = field.name.removeprefix("as_") if field.name == "as_json" else None
    return field.name, _told_of(kind, said, name), dataclasses.field(default=field.default)


def _hints(build: Callable) -> dict[str, Any]:
    """The types of the parameters; what a picture returns may be known to type checkers only."""
    function = inspect.unwrap(build)
    parameters = {k: v for k, v in function.__annotations__.items() if k != "return"}
    named = types.SimpleNamespace(__annotations__=parameters)
    return typing.get_type_hints(named, function.__globals__)


def _told(build: Callable) -> dict[str, str]:
    """What a docstring's Args say of each knob."""
    from docstring_parser import parse

    return {p.arg_name: p.description or "" for p in parse(build.__doc__ or "").params}
