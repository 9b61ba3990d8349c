"""What `pf.NAME` finds: rooms, classes, and the functions that rooms hold out to users.

A room holds out what its `__init__` imports; what would be slow to import, or is not known before
every file has registered itself, it finds when it is asked.
"""

from __future__ import annotations

import functools
import importlib
import types
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any

from .blueprint import registered, registered_names
from .catalogue import discover

ROOMS = (
    *("core", "nn", "probability", "objectives", "solvers", "models", "theory", "training"),
    *("data", "metrics", "presets", "media", "pictures", "report", "laws", "cli"),
)
FUNCTIONS = ("metrics", "objectives", "solvers", "theory", "models", "presets")
"""Rooms whose functions are found as `pf.NAME`, too. Where two hold one name out, the earlier."""


def public(name: str) -> Any:
    """The room, class or function that `pf.name` stands for.

    Raises AttributeError, with the nearest names, where there is none.
    """
    if name in ROOMS:
        return importlib.import_module(f"pushforward.{name}")
    if name.startswith("_"):  # asked by machines, who want no advice
        raise AttributeError(f"pushforward has no {name!r}")
    discover()
    if (cls := registered(name)) is not None:
        return cls
    for room in FUNCTIONS:
        if name in held_out(room):
            return getattr(importlib.import_module(f"pushforward.{room}"), name)
    raise AttributeError(f"pushforward has no {name!r}{_nearest(name)}")


def public_names() -> list[str]:
    """All names that `public` knows."""
    discover()
    found = (name for room in FUNCTIONS for name in held_out(room))
    shown = (name for name in registered_names() if not name.startswith("_"))
    return sorted({*ROOMS, *shown, *found})


@functools.cache
def held_out(room: str) -> list[str]:
    """The names that a room's package holds out to users; its modules are not among them."""
    package = importlib.import_module(f"pushforward.{room}")
    return sorted(
        name
        for name in dir(package)
        if not name.startswith("_")
        and not isinstance(package.__dict__.get(name), types.ModuleType)
        and callable(getattr(package, name))
    )


def _nearest(name: str) -> str:
    """The names that are most like it, as one writes them; nothing where none is."""
    rooms = ("data", "pictures")
    known = {n.lower(): f"pf.{room}.{n}" for room in rooms for n in held_out(room)}
    known |= {n.lower(): f"pf.{n}" for n in public_names()}
    near = get_close_matches(name.lower(), known, n=3, cutoff=0.6)
    return f": did you mean {' or '.join(known[n] for n in near)}?" if near else ""


def found_later(
    package: str, homes: Callable[[], Mapping[str, str]]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """`__getattr__` and `__dir__` of a package that holds out functions of its modules by name.

    `homes()` says in which module of the package each is; that is imported when it is asked for.
    """

    def get(name: str) -> Any:
        if name.startswith("_") or name not in (known := homes()):
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(importlib.import_module(f"{package}.{known[name]}"), name)

    def names() -> list[str]:
        return sorted({*importlib.import_module(package).__dict__, *homes()})

    return get, names
