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
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import tyro

from ..core.catalogue import Usage
from ..core.values import private


def load_file(file: str) -> Any:
    """Runs the user's Python file as a module, so that what it declares is registered.

    Its name is private to it: a file may be called as a module of Python is. Raises Usage for a
    file that cannot be run, with the line.
    """
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


def careful(build: Callable[..., Any], file: str, kind: type) -> Callable[..., Any]:
    """A function of the user's file, whose errors are told in a line: Usage, with the place.

    What it returns must be of that kind.
    """

    @functools.wraps(build)
    def call(*args: Any, **options: Any) -> Any:
        try:
            found = build(*args, **options)
        except Exception as error:
            raise Usage(f"{build.__name__} of {file} fails: {_where(error, Path(file))}") from error
        if not isinstance(found, kind):
            given = type(found).__name__
            raise Usage(f"{build.__name__} of {file} must return a {kind.__name__}, not a {given}")
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
    """The knobs of a preset or picture and the command's `options`, from one set of flags."""
    hints = _hints(build)
    told = _told(build)
    fields: list[Any] = []
    for knob, parameter in inspect.signature(build).parameters.items():
        help = tyro.conf.arg(help=told.get(knob, f"a knob of {name}"))
        field = dataclasses.field(default=parameter.default)
        fields.append((knob, Annotated[hints.get(knob, str), help], field))
    own = {field[0] for field in fields}
    for field in dataclasses.fields(options):
        if field.name not in own:
            hint = typing.get_type_hints(options, include_extras=True)[field.name]
            kind, said = typing.get_args(hint)
            annotated = Annotated[kind, tyro.conf.arg(help=said)]  # type: ignore[valid-type]
            fields.append((field.name, annotated, dataclasses.field(default=field.default)))
    Arguments = dataclasses.make_dataclass("Arguments", fields)
    words = inspect.getdoc(build) or ""
    parsed: Any = tyro.cli(
        Arguments, prog=f"pushforward {command} {name}", description=words, args=flags
    )
    values = {field.name: getattr(parsed, field.name) for field in dataclasses.fields(parsed)}
    names = {field.name for field in dataclasses.fields(options)} - own
    return {k: values[k] for k in own}, options(**{k: values[k] for k in names})


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
