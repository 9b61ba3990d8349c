"""Values as JSON: numbers, text, lists, dicts, records, and what of torch has a name.

A list is written as a list, so every other kind is a dict with a key that says what it is. Modules
are left to whoever calls: `write(value, path)` and `read(node)` are what parts are written and read
by.
"""

from __future__ import annotations

import dataclasses
import difflib
import functools
import hashlib
import inspect
import math
import os
import sys
from argparse import Namespace
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar

import numpy as np
import torch

from .foreign.torch_names import NAMED, NAMES

JSON = Any
Write = Callable[[Any, str], JSON]
Read = Callable[[JSON], Any]
Record = TypeVar("Record", bound=type)
RECORDS: dict[str, type] = {}
_KINDS: dict[type, str] = {list: "list", tuple: "tuple", torch.Size: "size"}
_SPACES: dict[type, str] = {Namespace: "argparse.Namespace", SimpleNamespace: "SimpleNamespace"}


class BlueprintError(ValueError):
    """A blueprint that cannot be written, or that no imported class can be built from."""


def record(cls: Record) -> Record:
    """Class decorator: a frozen dataclass that blueprints may hold.

    Raises TypeError where another module has a record of that name: files could not tell them
    apart.
    """
    known = RECORDS.get(cls.__name__, cls)
    if known.__module__ != cls.__module__:
        raise TypeError(
            f"{known.__module__} has a record called {cls.__name__!r} already: choose another name"
        )
    RECORDS[cls.__name__] = cls
    return cls


PRIVATE = "_pushforward_file_"
"""How the modules begin that the shell makes of the user's files."""


def private(path: Path) -> str:
    """The name of the module that the shell makes of a user's file: that of no other."""
    digest = hashlib.sha256(os.fsencode(path.resolve())).hexdigest()[:12]
    return f"{PRIVATE}{digest}_{path.stem}"


def home(kind: type) -> str:
    """The module of a class by the name that a user imports it by: that of its file, where the
    class is of the script that runs, or of a file that the shell was given.
    """
    module = kind.__module__
    if module.startswith(PRIVATE):
        return module[len(PRIVATE) + 13 :]
    file = getattr(sys.modules.get(module), "__file__", None)
    return Path(file).stem if module == "__main__" and file else module


def written(value: Any, write: Write, path: str) -> JSON:
    """`value` as JSON. Raises BlueprintError, with the path to it, for what cannot be written."""
    if isinstance(value, np.generic):  # a product of a shape, by numpy: the number is what matters
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": str(value)}
    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, torch.device):
        return {"device": str(value)}
    if type(value) in _KINDS:
        items = [write(item, f"{path}[{i}]") for i, item in enumerate(value)]
        return items if type(value) is list else {_KINDS[type(value)]: items}
    if type(value) in (dict, OrderedDict):
        return _written_dict(value, write, path)
    if type(value) in _SPACES:
        fields = {k: write(v, f"{path}.{k}") for k, v in vars(value).items()}
        return {"namespace": _SPACES[type(value)], "fields": fields}
    if isinstance(value, functools.partial) and (name := _name(value.func)) is not None:
        settings = write(value.args, path), write(value.keywords, path)
        return {"partial": name, "arguments": settings[0], "keywords": settings[1]}
    if (name := _name(value)) is not None:
        return {"named": name}
    if type(value).__name__ in RECORDS and dataclasses.is_dataclass(value):
        parts = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
        fields = {k: write(v, f"{path}.{k}") for k, v in parts.items()}
        return {"record": type(value).__name__, "fields": fields}
    raise BlueprintError(
        f"{path} is {_described(value)}, which cannot be written as JSON: a value must be "
        "a number, text, a list, a record, a module, or a function of torch"
    )


def _written_dict(value: dict, write: Write, path: str) -> JSON:
    if all(isinstance(key, str) for key in value):
        return {"dict": {k: write(v, f"{path}[{k!r}]") for k, v in value.items()}}
    return {"pairs": [[write(k, path), write(v, f"{path}[{k!r}]")] for k, v in value.items()]}


def _name(value: Any) -> str | None:
    """What torch calls a function, class or type of the closed list."""
    try:
        return NAMES.get(value)
    except TypeError:  # it has no hash
        return None


def _described(value: Any) -> str:
    if isinstance(value, type):
        return f"the class {value.__qualname__}"
    if inspect.isroutine(value):
        return f"the function {value.__qualname__}"
    return f"a {type(value).__name__}"


def read(node: JSON, read: Read) -> Any:
    """What `written` wrote. Raises BlueprintError for what has no meaning."""
    if isinstance(node, list):
        return [read(item) for item in node]
    match node:
        case {"float": str(text)}:
            return float(text)
        case {"tuple": list(items)}:
            return tuple(read(item) for item in items)
        case {"size": list(items)}:
            return torch.Size(read(item) for item in items)
        case {"namespace": str(name), "fields": dict(fields)}:
            kind = find(name, {told: kind for kind, told in _SPACES.items()})
            return kind(**{key: read(item) for key, item in fields.items()})
        case {"partial": str(name), "arguments": arguments, "keywords": keywords}:
            return functools.partial(_of_torch(name), *read(arguments), **read(keywords))
        case {"dict": dict(items)}:
            return {key: read(item) for key, item in items.items()}
        case {"pairs": list(pairs)}:
            return {read(key): read(item) for key, item in pairs}
        case {"device": str(text)}:
            return torch.device(text)
        case {"named": str(name)}:
            return _of_torch(name)
        case {"record": str(name), "fields": dict(fields)}:
            return built(find(name, RECORDS), {k: read(item) for k, item in fields.items()})
        case dict():
            raise BlueprintError(f"this part of the blueprint has no meaning: {str(node)[:80]}")
    return node


def _of_torch(name: str) -> Any:
    return find(name, NAMED, "function or type of torch that a file may name")


def find(name: str, known: dict[str, Any], what: str = "imported class") -> Any:
    """What is known by that name. Raises BlueprintError, naming the nearest."""
    if name in known:
        return known[name]
    near = difflib.get_close_matches(name, list(known), n=1)
    hint = f"; the nearest known name is {near[0]!r}" if near else ""
    own = ". If it is your own, import its file first" if what == "imported class" else ""
    raise BlueprintError(f"no {what} is called {name!r}{hint}{own}")


def built(cls: type, arguments: dict[str, Any]) -> Any:
    """`cls` called with its arguments by name; *args are spread.

    Raises BlueprintError where it refuses them.
    """
    parameters = inspect.signature(cls).parameters
    spread = [k for k, p in parameters.items() if p.kind is inspect.Parameter.VAR_POSITIONAL]
    try:
        if not spread:
            return cls(**arguments)
        before = list(parameters)[: list(parameters).index(spread[0])]
        positional = [arguments.pop(k) for k in before if k in arguments]
        return cls(*positional, *arguments.pop(spread[0], ()), **arguments)
    except BlueprintError:
        raise
    except Exception as error:  # constructors fail in all ways where arguments make no sense
        raise BlueprintError(
            f"{cls.__name__} cannot be built from its blueprint: {error}"
        ) from error
