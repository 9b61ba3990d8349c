"""Pages of the API: every public class and function, from its docstring."""

from __future__ import annotations

import functools
import inspect
import re
import types
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from .docstrings import escaped, fenced, markdown

ANNOTATION = re.compile(r"(: |-> )'([^']*)'")  # their quotes, which Python adds

HEAD = """---
orphan: true
---

"""
INDEX = """# Reference of the library

Every public class and function by the part of the library that holds it. `pf.NAME` finds all of
them, whatever the part; where two share a name, `pf` gives the first, and the other is had from its
own part.

"""


def pages() -> dict[str, str]:
    """The text of every page by its name, `index` among them."""
    parts = objects()
    index = "\n".join(
        f"- [`{part}`]({part}.md): " + ", ".join(f"[`{n}`](#{anchor(o)})" for n, o in found)
        for part, found in parts.items()
    )
    return {"index": HEAD + INDEX + index + "\n"} | {
        part: _page(part, found) for part, found in parts.items()
    }


@functools.cache
def objects() -> dict[str, list[tuple[str, Any]]]:
    """Pairs of name and object, by the part of the library that holds them out."""
    import pushforward
    from pushforward.core.blueprint import registered, registered_names
    from pushforward.core.catalogue import discover
    from pushforward.core.names import ROOMS, held_out, public_names

    discover()
    found: dict[str, dict[str, Any]] = defaultdict(dict)
    classes = [(n, registered(n)) for n in registered_names() if not n.startswith("_")]
    rooms = [getattr(pushforward, room) for room in ROOMS if room != "cli"]
    held = [(n, getattr(room, n)) for room in rooms for n in held_out(room.__name__[12:])]
    own = [(n, getattr(pushforward, n)) for n in {*dir(pushforward)} - {*public_names()}]
    for name, value in [*own, *classes, *held]:
        home = getattr(value, "__module__", "") or ""
        if home.startswith("pushforward.") and not isinstance(value, types.ModuleType):
            found[_part(home)].setdefault(getattr(value, "__name__", name), value)
    return {part: sorted(found[part].items()) for part in sorted(found)}


def _part(module: str) -> str:
    """Which page a module's objects stand on: two rooms deep where files share a room.

    >>> _part("pushforward.models.flow.nice"), _part("pushforward.theory.tables")
    ('models.flow', 'theory')
    """
    rooms = module.split(".")[1:-1] or module.split(".")[1:]
    return ".".join(rooms[:2])


def anchor(value: Any) -> str:
    """The address of an object on its page; labels know no capitals, so that kinds are told apart.

    >>> anchor(_part)
    'api-f-pushforward-course-reference-api--part'
    """
    kind = "c" if inspect.isclass(value) else "f"
    name = getattr(value, "__qualname__", type(value).__name__)
    return f"api-{kind}-{value.__module__}-{name}".lower().replace(".", "-").replace("_", "-")


def _page(part: str, found: list[tuple[str, Any]]) -> str:
    entries = "\n\n".join(_entry(name, value) for name, value in found)
    return f"{HEAD}# `{part}`\n\n{entries}\n"


def _entry(name: str, value: Any) -> str:
    head = f"({anchor(value)})=\n## `{name}`\n\n{_signed(name, value)}"
    words = markdown(value.__doc__)
    where = f"*{escaped(value.__module__)}*"
    return "\n\n".join([head, words, *_methods(value), where])


def _signed(name: str, value: Any) -> str:
    return fenced(f"{name}{signature(value)}").replace("````text", "````python")


def signature(value: Any) -> str:
    """The arguments as they are written; (...) where Python cannot tell."""
    try:
        found = str(inspect.signature(value))
    except (TypeError, ValueError):
        return "(...)"
    return ANNOTATION.sub(r"\1\2", found) if " at 0x" not in found else "(...)"


def _methods(value: Any) -> Iterator[str]:
    """A class's own public methods with what they do."""
    for name, method in vars(value).items() if inspect.isclass(value) else ():
        if isinstance(method, classmethod | staticmethod):
            method = method.__func__
        if name.startswith("_") or not inspect.isfunction(method) or not method.__doc__:
            continue
        yield f"{_signed('.' + name, method)}\n\n{markdown(method.__doc__)}"
