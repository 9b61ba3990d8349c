"""What a model is called on the comparison page: by its system in the catalogue."""

from __future__ import annotations

from typing import NamedTuple

from ..core.catalogue import Preset, System, systems
from ..core.contract import Generative

SHORT = 20


class Named(NamedTuple):
    """A label for tables and charts, a title in words, and the family."""

    label: str
    title: str
    family: str


def named(model: Generative, preset: Preset | None = None) -> Named:
    """The label is the class where that is the system's own, as MADE; a wrapper's says little.

    A preset of no system is a baseline.
    """
    kind = type(model)
    if preset is not None and not preset.systems:
        return Named(kind.__name__, "", "baseline")
    home = _system(preset)
    if home is None:
        return Named(kind.__name__, "", _room(kind))
    title = home.title.partition(":")[0].partition(";")[0]
    family = home.family if home.kind == "model" else _room(kind)
    if home.file.endswith(kind.__module__.replace(".", "/") + ".py"):
        return Named(kind.__name__, title, family)
    return Named(title if len(title) <= SHORT else home.id.upper(), title, family)


def _system(preset: Preset | None) -> System | None:
    """The first system that a preset shows."""
    known = {system.id: system for system in systems()}
    return known.get(preset.systems[0]) if preset else None


def _room(kind: type) -> str:
    rooms = kind.__module__.split(".")
    if rooms[0] != "pushforward":
        return "yours"
    return rooms[2] if rooms[1] == "models" else rooms[1]
