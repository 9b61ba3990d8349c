"""What is built: systems, their smallest examples, their presets and the numbers reached.

A file registers itself by being imported, so a new model is listed, tested and drawn without
another line anywhere. The list is never ahead of the code.
"""

from __future__ import annotations

import difflib
import functools
import importlib
import json
import pkgutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

Function = TypeVar("Function", bound=Callable)
ROOMS = (
    "nn",
    "probability",
    "objectives",
    "solvers",
    "models",
    "metrics",
    "theory",
    "data",
    "presets",
)


@dataclass(frozen=True)
class Reached:
    """A number that a preset was seen to reach; `minutes` is training time on `hardware`."""

    data: str
    metric: str
    value: float
    unit: str
    likelihood: str
    minutes: float
    hardware: str
    seed: int

    def __str__(self) -> str:
        kind = f" ({self.likelihood})" if self.likelihood else ""
        unit = f" {self.unit}" if self.unit else ""
        return (
            f"{self.metric} {self.value:.4g}{unit}{kind} on {self.data}, "
            f"{self.minutes:.3g} minutes, {self.hardware}, seed {self.seed}."
        )


@dataclass(frozen=True)
class System:
    """A row of the catalogue. `kind` is model, objective, metric or theory."""

    id: str
    lecture: int
    family: str
    kind: str
    title: str
    paper: str
    file: str


@dataclass(frozen=True)
class Example:
    """The smallest instance of a model, and the name of the data that it learns.

    `slow` says that even so the laws take long: `make check` leaves them to `make test`.
    """

    name: str
    build: Callable[[], Any]
    data: str
    slow: bool = False


@dataclass(frozen=True)
class Preset:
    """A function that returns an Experiment, the systems it shows, and what it reached."""

    name: str
    build: Callable[..., Any]
    systems: tuple[str, ...]
    reached: tuple[Reached, ...]


_systems: dict[str, System] = {}
_examples: dict[str, Example] = {}
_presets: dict[str, Preset] = {}


def system(id: str, *, lecture: int, title: str, paper: str, kind: str = "model") -> None:
    """Registers the calling file as the home of the system `id` of the catalogue."""
    where = home(sys._getframe(1).f_globals["__name__"])
    _systems[id] = System(id=id, lecture=lecture, kind=kind, title=title, paper=paper, **where)


def home(module: str) -> dict[str, str]:
    """The family and the file of what a module is about.

    >>> home("pushforward.models.flow.nice")
    {'family': 'flow', 'file': 'src/pushforward/models/flow/nice.py'}
    """
    rooms = module.removeprefix("pushforward.").split(".")
    family = rooms[1] if rooms[0] == "models" else rooms[0]
    return {"family": family, "file": "src/" + module.replace(".", "/") + ".py"}


def example(data: str, slow: bool = False) -> Callable[[Function], Function]:
    """Decorator: registers a function without arguments that returns a model's smallest instance.

    `data` is what `pushforward.data.find` understands; its space must be the model's.
    """

    def register(build: Function) -> Function:
        name = build.__name__
        _examples[name] = Example(name, build, data, slow)
        return build

    return register


def preset(*systems: str, reached: tuple[Reached, ...] = ()) -> Callable[[Function], Function]:
    """Decorator: registers a function that returns an Experiment; its keywords are its knobs.

    What it reached is told at the end of its docstring: `reached`, and what `bench/reached.py`
    wrote into presets/reached.json.
    """

    def register(build: Function) -> Function:
        name = build.__name__
        numbers = (*reached, *numbers_of(name))
        _presets[name] = Preset(name, build, systems, numbers)
        build.__doc__ = with_numbers(build.__doc__, numbers)
        return build

    return register


def numbers_of(preset: str) -> tuple[Reached, ...]:
    """The numbers that presets/reached.json holds of a preset."""
    return tuple(Reached(**number) for number in _recorded().get(preset, ()))


def with_numbers(words: str | None, numbers: tuple[Reached, ...]) -> str:
    """A preset's docstring with what it reached at the end."""
    told = "".join(f"\n    Reached: {number}" for number in numbers)
    return (words or "").rstrip() + (f"\n{told}" if told else "") + "\n    "


@functools.cache
def _recorded() -> dict[str, list[dict[str, Any]]]:
    file = Path(__file__).parent.parent / "presets" / "reached.json"
    return json.loads(file.read_text()) if file.exists() else {}


@functools.cache
def discover() -> None:
    """Imports every module of the library that can register something; once it has, it is quick."""
    for room in ROOMS:
        package = importlib.import_module(f"pushforward.{room}")
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            importlib.import_module(module.name)


def systems() -> list[System]:
    """All systems that are built, by lecture and id."""
    discover()
    return sorted(_systems.values(), key=lambda s: (s.lecture, s.id))


def examples() -> dict[str, Example]:
    """All examples by name."""
    discover()
    return dict(sorted(_examples.items()))


def presets() -> dict[str, Preset]:
    """All presets by name."""
    discover()
    return dict(sorted(_presets.items()))


class Usage(ValueError):
    """Something that the user typed cannot be done; the message says what to type instead."""


def nearest(word: str, known: list[str], what: str) -> Usage:
    """The error for an unknown word, naming the nearest known ones.

    >>> print(nearest("vae_digit", ["vae_digits", "nice_moons"], "preset"))
    no preset is called 'vae_digit'. The nearest: vae_digits. All: nice_moons, vae_digits
    """
    near = difflib.get_close_matches(word, known, n=3, cutoff=0.4)
    hint = f" The nearest: {', '.join(near)}." if near else ""
    return Usage(f"no {what} is called {word!r}.{hint} All: {', '.join(sorted(known))}")


def preset_called(name: str) -> Preset:
    """The preset of that name. Raises Usage, naming the nearest."""
    known = presets()
    if name not in known:
        raise nearest(name, list(known), "preset")
    return known[name]
