"""Specs: a data set in one line of text, with the options that differ from its loader's defaults.

    digits      mnist?binarise=dynamic      folder:photos?size=64&labels=True

`findable` makes a loader answer to such a line, and notes the line in `Dataset.origin["spec"]`, so
that a checkpoint's record finds its own data again.
"""

from __future__ import annotations

import functools
import inspect
import os
import re
import typing
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path, PurePath
from typing import Any, TypeVar
from urllib.parse import quote, unquote

from ..core.dataset import Dataset

Loader = TypeVar("Loader", bound=Callable[..., Dataset])
OPTIONS = re.compile(r"^(.*?)\?(\w+=[^&?]*(?:&\w+=[^&?]*)*)$", re.DOTALL)
WORDS = {"True": True, "False": False, "None": None}
PATHS = ("PATH", "FILE", "FOLDER")  # places that lie on this machine


@dataclass(frozen=True)
class Source:
    """A loader by name. `place` is what follows the name and a colon, where something must.

    `alone` says that whoever learns these data is about them, and takes no others.
    """

    load: Callable[..., Dataset]
    place: str = ""
    alone: bool = False


SOURCES: dict[str, Source] = {}
Instead = Callable[[str, dict[str, Any]], Dataset | None]
_instead: ContextVar[Instead | None] = ContextVar("instead", default=None)


@contextmanager
def instead(give: Instead) -> Iterator[None]:
    """Within it, loaders are answered by `give`, with their name and the options asked for.

    Where it gives None, the loader loads.
    """
    before = _instead.set(give)
    try:
        yield
    finally:
        _instead.reset(before)


def findable(name: str, place: str = "", alone: bool = False) -> Callable[[Loader], Loader]:
    """Decorator: the loader answers to `name`, or to `name:PLACE` with its first argument there."""

    def register(load: Loader) -> Loader:
        @functools.wraps(load)
        def recorded(*args: Any, **options: Any) -> Dataset:
            give = _instead.get()
            if give is not None and (other := give(name, options)) is not None:
                return other
            data = load(*args, **options)
            spec = _written(name, load, place, args, options)
            return data if spec is None else replace(data, origin={**data.origin, "spec": spec})

        SOURCES[name] = Source(recorded, place, alone)
        return typing.cast(Loader, recorded)

    return register


def _written(
    name: str, load: Callable, place: str, args: tuple[Any, ...], options: dict[str, Any]
) -> str | None:
    """The line that repeats a call; None for a call with values that have no short text."""
    signature = inspect.signature(load)
    given = signature.bind(*args, **options).arguments
    if not all(_is_plain(value) for value in given.values()):
        return None
    values = {k: v for k, v in given.items() if v != signature.parameters[k].default}
    where = f":{_absolute(values.pop(next(iter(given))), place)}" if place else ""
    hints = typing.get_type_hints(load)
    paths = {k for k, v in values.items() if v is not None and Path in typing.get_args(hints[k])}
    said = [f"{k}={quote(_absolute(v, k in paths), safe='/:~, ')}" for k, v in values.items()]
    if not said and divided(f"{name}{where}")[1:] != (where[1:] or None, {}):
        # The place looks as if it had options, so it gets one that changes nothing.
        last = list(signature.parameters.values())[-1]
        said = [f"{last.name}={last.default}"]
    return f"{name}{where}" + (f"?{'&'.join(said)}" if said else "")


def _absolute(value: Any, place: str | bool) -> str:
    """A place that is found from any folder."""
    if place in PATHS or place is True:
        return os.path.abspath(Path(value).expanduser())
    return str(value)


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, bool | int | float | str | PurePath)


def divided(spec: str) -> tuple[str, str | None, dict[str, str]]:
    """A spec's name, its place (None without a colon) and its options.

    >>> divided("folder:my photos?size=64&labels=True")
    ('folder', 'my photos', {'size': '64', 'labels': 'True'})
    """
    found = OPTIONS.match(spec)
    rest, said = found.groups() if found else (spec, "")
    head, colon, place = rest.partition(":")
    pairs = (option.split("=", 1) for option in said.split("&") if option)
    return head, place if colon else None, {k: unquote(v) for k, v in pairs}


def understood(name: str, load: Callable, texts: dict[str, str]) -> dict[str, Any]:
    """The options as the loader's signature types them. Raises ValueError, naming the nearest."""
    hints = typing.get_type_hints(load)
    known = [k for k, p in inspect.signature(load).parameters.items() if p.default is not p.empty]
    for option in texts:
        if option not in known:
            near = get_close_matches(option, known, n=2, cutoff=0.5)
            hint = f"did you mean {' or '.join(near)}? " if near else ""
            raise ValueError(
                f"{name} has no option {option!r}: {hint}It has {', '.join(known) or 'none'}"
            )
    return {k: _value(f"{name}?{k}", text, hints[k]) for k, text in texts.items()}


def _value(what: str, text: str, hint: Any) -> Any:
    kinds = typing.get_args(hint) or (hint,)
    if text in WORDS and type(WORDS[text]) in kinds:
        return WORDS[text]
    for kind in (int, float, str):
        if kind in kinds:
            try:
                return kind(text)
            except ValueError:
                continue
    names = " or ".join("None" if kind is type(None) else kind.__name__ for kind in kinds)
    raise ValueError(f"{what} must be {names}, not {text!r}")
