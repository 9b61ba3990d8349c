"""How a module is written as JSON and built again from it.

A `Component` remembers the arguments that it was built with. Its blueprint is those arguments as
pure JSON: numbers, text, lists, other components, and *records* (small frozen dataclasses such as
`Pixels` or `Adam`). A component that occurs twice is written once and then referred to, so that
tied modules come back tied. Building looks names up among the classes that have been imported:
nothing is unpickled, and nothing is imported because a file says so.
"""

from __future__ import annotations

import dataclasses
import difflib
import inspect
import math
from typing import Any, TypeVar

from torch import nn

JSON = Any
_components: dict[str, dict[str, type]] = {}
_records: dict[str, type] = {}
Record = TypeVar("Record", bound=type)


class BlueprintError(ValueError):
    """A blueprint that cannot be written, or that no imported class can be built from."""


class Component(nn.Module):
    """A module that remembers how it was built, so that it can be written as JSON and rebuilt.

    The arguments must be numbers, text, None, lists, tuples, dicts, records or other components.
    """

    blueprint: dict[str, Any]

    def __new__(cls, *args: Any, **kwargs: Any) -> Component:
        """Notes the arguments. (`__new__`, not a metaclass: the signature stays in sight.)"""
        component = super().__new__(cls)
        bound = inspect.signature(cls.__init__).bind_partial(component, *args, **kwargs)
        component.__dict__["blueprint"] = dict(list(bound.arguments.items())[1:])
        return component

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        _components.setdefault(cls.__name__, {})[cls.__module__] = cls


def record(cls: Record) -> Record:
    """Class decorator: a frozen dataclass that blueprints may hold.

    Raises TypeError where another module has a record of that name: files could not tell them
    apart.
    """
    known = _records.get(cls.__name__, cls)
    if known.__module__ != cls.__module__:
        raise TypeError(
            f"{known.__module__} has a record called {cls.__name__!r} already: choose another name"
        )
    _records[cls.__name__] = cls
    return cls


def registered(name: str) -> type | None:
    """The library's component or record of that class name, if its file has been imported."""
    homes = dict(_components.get(name, {}))
    if name in _records:
        homes.setdefault(_records[name].__module__, _records[name])
    return next((cls for home, cls in homes.items() if home.startswith("pushforward.")), None)


def registered_names() -> list[str]:
    """The class names of the library's components and records that have been imported."""
    return [name for name in {**_components, **_records} if registered(name) is not None]


def encode(value: Any) -> JSON:
    """`value` as pure JSON.

    Raises BlueprintError, with the path to the argument, for what cannot be written.
    """
    return _encode(value, {}, type(value).__name__)


def _encode(value: Any, seen: dict[int, int], path: str) -> JSON:
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": str(value)}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list | tuple):
        items = [_encode(item, seen, f"{path}[{i}]") for i, item in enumerate(value)]
        return items if isinstance(value, list) else {"tuple": items}
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {"dict": {k: _encode(v, seen, f"{path}[{k!r}]") for k, v in value.items()}}
    if isinstance(value, Component):
        return _encode_component(value, seen, path)
    if type(value).__name__ in _records and dataclasses.is_dataclass(value):
        parts = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
        fields = {k: _encode(v, seen, f"{path}.{k}") for k, v in parts.items()}
        return {"record": type(value).__name__, "fields": fields}
    raise BlueprintError(
        f"{path} is a {type(value).__name__}, which cannot be written as JSON: "
        "a module must be a pushforward.Component, a value a number, text, list or record"
    )


def _encode_component(component: Component, seen: dict[int, int], path: str) -> JSON:
    if id(component) in seen:
        return {"ref": seen[id(component)]}
    number = seen[id(component)] = len(seen)
    arguments = {k: _encode(v, seen, f"{path}.{k}") for k, v in component.blueprint.items()}
    name, module = type(component).__name__, type(component).__module__
    return {"component": name, "module": module, "id": number, "arguments": arguments}


def decode(node: JSON) -> Any:
    """What `encode` wrote, built again with new weights.

    Raises BlueprintError for an unknown class or arguments that its constructor refuses.
    """
    return _decode(node, {})


def _decode(node: JSON, built: dict[int, Component]) -> Any:
    if isinstance(node, list):
        return [_decode(item, built) for item in node]
    if not isinstance(node, dict):
        return node
    match node:
        case {"float": str(text)}:
            return float(text)
        case {"tuple": list(items)}:
            return tuple(_decode(item, built) for item in items)
        case {"dict": dict(items)}:
            return {key: _decode(item, built) for key, item in items.items()}
        case {"ref": int(number)} if number in built:
            return built[number]
        case {"record": str(name), "fields": dict(fields)}:
            cls = _find(name, _records)
            return _build(cls, {key: _decode(item, built) for key, item in fields.items()})
        case {"component": str(name), "module": str(module), "id": int(number)}:
            arguments = {k: _decode(v, built) for k, v in node.get("arguments", {}).items()}
            built[number] = _build(_find_component(name, module), arguments)
            return built[number]
    raise BlueprintError(f"this part of the blueprint has no meaning: {str(node)[:80]}")


def _find(name: str, known: dict[str, Any]) -> Any:
    if name in known:
        return known[name]
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"; the nearest known name is {near[0]!r}" if near else ""
    raise BlueprintError(
        f"no imported class is called {name!r}{hint}. If it is your own, import its file first"
    )


def _find_component(name: str, module: str) -> type:
    homes = _find(name, _components)
    if module in homes:
        return homes[module]
    if len(homes) == 1:  # the file was moved since
        return next(iter(homes.values()))
    raise BlueprintError(f"{name!r} of module {module!r} is not imported; known: {sorted(homes)}")


def _build(cls: type, arguments: dict[str, Any]) -> Any:
    parameters = inspect.signature(cls).parameters
    spread = [k for k, p in parameters.items() if p.kind is inspect.Parameter.VAR_POSITIONAL]
    try:
        if not spread:
            return cls(**arguments)
        before = list(parameters)[: list(parameters).index(spread[0])]
        positional = [arguments.pop(k) for k in before if k in arguments]
        return cls(*positional, *arguments.pop(spread[0], ()), **arguments)
    except (TypeError, ValueError, RuntimeError) as error:
        raise BlueprintError(
            f"{cls.__name__} cannot be built from its blueprint: {error}"
        ) from error
