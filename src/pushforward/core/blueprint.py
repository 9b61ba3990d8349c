"""How a module is written as JSON and built again from it.

A `Component` remembers the arguments that it was built with. Its blueprint is those arguments as
pure JSON: numbers, text, lists, other components, and *records* (small frozen dataclasses such as
`Pixels` or `Adam`). Networks that are no components are written as `foreign` says. A module that
occurs twice is written once and then referred to, so that tied modules come back tied. Building
looks names up among the classes that have been imported: nothing is unpickled, and nothing is
imported because a file says so.
"""

from __future__ import annotations

import inspect
from typing import Any

from torch import Tensor, nn

from .foreign import reading, writing
from .foreign.notes import note
from .limits import SLACK, Limits
from .values import JSON, RECORDS, BlueprintError, built, find, home, read, written
from .values import record as record

_components: dict[str, dict[str, type]] = {}


class Component(nn.Module):
    """A module that remembers how it was built, so that it can be written as JSON and rebuilt.

    The arguments must be numbers, text, None, lists, tuples, dicts, records, functions of torch
    such as `torch.tanh`, or modules. A module may be any: torch's layers and your own classes are
    written too. A component is still the best way to write a network: its file says how it was
    built, not what it has become, and its constructor builds it again.
    """

    blueprint: dict[str, Any]

    def __new__(cls, *args: Any, **kwargs: Any) -> Component:
        """Notes the arguments. (`__new__`, not a metaclass: the signature stays in sight.)"""
        component = super().__new__(cls)
        bound = inspect.signature(cls.__init__).bind_partial(component, *args, **kwargs)
        component.__dict__["blueprint"] = dict(list(bound.arguments.items())[1:])
        note(component.__dict__["blueprint"], Component)
        return component

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        _components.setdefault(cls.__name__, {})[cls.__module__] = cls


def registered(name: str) -> type | None:
    """The library's component or record of that class name, if its file has been imported."""
    homes = dict(_components.get(name, {}))
    if name in RECORDS:
        homes.setdefault(RECORDS[name].__module__, RECORDS[name])
    return next((cls for home, cls in homes.items() if home.startswith("pushforward.")), None)


def registered_names() -> list[str]:
    """The class names of the library's components and records that have been imported."""
    return [name for name in {**_components, **RECORDS} if registered(name) is not None]


def encode(value: Any) -> JSON:
    """`value` as pure JSON.

    Raises BlueprintError, with the path to the argument, for what cannot be written.
    """
    return Writing(value)(value, type(value).__name__)


class Writing:
    """What has been written of `root`: modules by number, tensors by module and name."""

    ours: type = Component

    def __init__(self, root: Any):
        self.registered = {id(m) for m in root.modules()} if isinstance(root, nn.Module) else set()
        self.modules: dict[int, int] = {}
        self.tensors: dict[int, list] = {}

    def __call__(self, value: Any, path: str) -> JSON:
        """`value` as JSON; a module that was written is referred to."""
        if not isinstance(value, nn.Module):
            return written(value, self, path)
        if id(value) in self.modules:
            return {"ref": self.modules[id(value)]}
        number = self.modules[id(value)] = len(self.modules)
        if not isinstance(value, Component):
            return writing.describe(value, number, self, path)
        arguments = {k: self(v, f"{path}.{k}") for k, v in value.blueprint.items()}
        name, module = type(value).__name__, home(type(value))
        return {"component": name, "module": module, "id": number, "arguments": arguments}

    def attempt(self, value: Any, path: str) -> JSON:
        """`value` as JSON; where it cannot be written, nothing has been written of it."""
        before = dict(self.modules), dict(self.tensors)
        try:
            return self(value, path)
        except BlueprintError:
            self.modules, self.tensors = before
            raise

    def ties(self, number: int, tensors: dict[str, Tensor]) -> dict[str, list]:
        """Of a module's tensors those that were written before: the module's number and name."""
        places = {k: self.tensors.setdefault(id(t), [number, k]) for k, t in tensors.items()}
        return {name: place for name, place in places.items() if place != [number, name]}


def decode(node: JSON, numbers: int | None = None) -> Any:
    """What `encode` wrote, built again with new weights.

    `numbers` is how many the file of the weights holds: networks that ask for far more are refused
    before there is memory for them. Raises BlueprintError for an unknown class, arguments that its
    constructor refuses, or a node without meaning.
    """
    try:
        if numbers is None:
            return Reading(None)(node)
        limits = Limits(numbers)
        limits.check(node)
        with limits.watching():
            return Reading(numbers)(node)
    except BlueprintError:
        raise
    except Exception as error:  # constructors fail in all ways where arguments make no sense
        raise BlueprintError(f"this blueprint has no meaning: {error!r:.300}") from error


class Reading:
    """What has been built: modules by their numbers in the file."""

    ours: type = Component

    def __init__(self, numbers: int | None):
        self.modules: dict[int, nn.Module] = {}
        self.numbers = numbers
        self.asked = 0

    def __call__(self, node: JSON) -> Any:
        """The value that a node stands for."""
        match node:
            case {"ref": int(number)} if number in self.modules:
                return self.modules[number]
            case {"component": str(name), "module": str(module), "id": int(number)}:
                arguments = {k: self(v) for k, v in node.get("arguments", {}).items()}
                self.modules[number] = built(_find_component(name, module), arguments)
                return self.modules[number]
            case {"torch": str(), "id": int()} | {"class": str(), "module": str(), "id": int()}:
                return reading.build(node, self)
        return read(node, self)

    def module(self, node: JSON) -> nn.Module | None:
        """The module that a node stands for, or None."""
        found = self(node)
        if found is not None and not isinstance(found, nn.Module):
            raise BlueprintError(f"a {type(found).__name__} stands where a module must be")
        return found

    def allow(self, numbers: int) -> None:
        """Raises BlueprintError where so many more are far more than the file holds."""
        self.asked += max(0, numbers)
        if self.numbers is not None and self.asked > max(2 * self.numbers, SLACK):
            raise BlueprintError(
                f"its networks ask for {self.asked:,} numbers, but its file holds {self.numbers:,}"
            )


def _find_component(name: str, module: str) -> type:
    homes = {home(kind): kind for kind in find(name, _components).values()}
    if module in homes:
        return homes[module]
    if len(homes) == 1:  # the file was moved since
        return next(iter(homes.values()))
    raise BlueprintError(f"{name!r} of module {module!r} is not imported; known: {sorted(homes)}")
