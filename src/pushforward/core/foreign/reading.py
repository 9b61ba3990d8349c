"""A network built again from its JSON, by classes that have been imported and torch's by name."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from ..values import JSON, BlueprintError, find, home
from .layers import layer_of, normalise
from .notes import INNER, note
from .torch_names import LAYERS, TYPES, WHOLES
from .writing import of_torch

_TYPE = "type of tensors that a file may name"


class Reading(Protocol):
    """What builds the parts of a module, and knows what was built."""

    ours: type
    modules: dict[int, nn.Module]

    def __call__(self, node: JSON) -> Any:
        """The value that a node stands for."""

    def module(self, node: JSON) -> nn.Module | None:
        """The module that a node stands for, or None."""

    def allow(self, numbers: int) -> None:
        """Raises BlueprintError where so many more are far more than the file holds."""


def build(node: dict[str, JSON], reading: Reading) -> nn.Module:
    """What `describe` wrote, with new weights."""
    module = _layer(node, reading) if node.get("torch") in LAYERS else _whole(node, reading)
    for name, norms in node.get("norms", {}).items():
        normalise(module, name, norms, reading.allow)
    for name, (number, other) in node.get("tied", {}).items():
        setattr(module, name, getattr(reading.modules[number], other))
    for name in node.get("frozen", []):
        module.get_parameter(name).requires_grad_(False)
    note(module, reading.ours)
    return module


def _layer(node: dict[str, JSON], reading: Reading) -> nn.Module:
    arguments = {name: reading(value) for name, value in node.get("arguments", {}).items()}
    module = layer_of(node["torch"], arguments, reading.allow)
    reading.modules[node["id"]] = module
    return module


def _whole(node: dict[str, JSON], reading: Reading) -> nn.Module:
    """A module that is built without its constructor, and given what it consists of."""
    if "torch" in node:
        kind = find(node["torch"], WHOLES, "layer of torch that a file may name")
    else:
        kind = class_of(node["class"], node["module"], reading.ours)
    module: nn.Module = object.__new__(kind)
    nn.Module.__init__(module)
    reading.modules[node["id"]] = module
    _give_tensors(module, node, reading)
    for name, child in _named(node, "children"):
        module._modules[name] = reading.module(child)
    for name, value in _named(node, "attributes"):
        fixed = isinstance(value, dict) and "tensor" in value
        vars(module)[name] = _zeros(value["tensor"], reading) if fixed else reading(value)
    return module


def _give_tensors(module: nn.Module, node: dict[str, JSON], reading: Reading) -> None:
    tied = node.get("tied", {})  # their tensors are another module's
    for name, form in _named(node, "parameters"):
        tensor = None if name in tied else _zeros(form, reading)
        module._parameters[name] = None if tensor is None else _parameter(tensor)
    for name, form in _named(node, "buffers"):
        if form is not None and "passing" in form:
            module._non_persistent_buffers_set.add(name)
            form = form["passing"]
        module._buffers[name] = None if name in tied else _zeros(form, reading)


def _named(node: dict[str, JSON], section: str) -> Iterable[tuple[str, JSON]]:
    for name, value in node.get(section, {}).items():
        if name in INNER or "." in name:
            raise BlueprintError(f"{name!r} is not a name that a network's {section} may have")
        yield name, value


def _zeros(form: JSON, reading: Reading) -> Tensor | None:
    """Zeros rather than whatever is in memory: a constructor may run the network to see a shape."""
    if form is None:
        return None
    dtype = find(form["dtype"], TYPES, _TYPE)
    reading.allow(torch.empty(form["shape"], device="meta").numel())
    return torch.zeros(form["shape"], dtype=dtype)


def _parameter(tensor: Tensor) -> nn.Parameter:
    return nn.Parameter(tensor, tensor.is_floating_point() or tensor.is_complex())


def class_of(name: str, module: str, ours: type) -> type:
    """The imported class of that name and module. Raises BlueprintError, with what to type.

    A file that moved into or out of a package, and a notebook's class that moved into a file, are
    found again where there is one class of that name.
    """
    named = [kind for kind in _imported(nn.Module) if kind.__qualname__ == name]
    homes = {home(k): k for k in named if not of_torch(k) and not issubclass(k, ours)}
    moved = [h for h in homes if module == "__main__" or _last(h) == _last(module)]
    if module.partition(".")[0] in ("torch", "pushforward"):  # which have no classes of users
        moved = []
    if module not in homes and len(moved) != 1:
        raise BlueprintError(_missing(name, module, sorted(homes)))
    found = module if module in homes else moved[0]
    return _newest(name, homes[found])


def _last(module: str) -> str:
    return module.rpartition(".")[2]


def _imported(kind: type) -> Iterator[type]:
    below: type
    for below in kind.__subclasses__():
        yield below
        yield from _imported(below)


def _newest(name: str, kind: type) -> type:
    """The class that its module holds now, where a notebook has defined it again."""
    now = vars(sys.modules.get(kind.__module__, object)).get(name)
    return now if isinstance(now, type) and now.__qualname__ == name else kind


def _missing(name: str, module: str, others: list[str]) -> str:
    said = f"no imported class is called {name!r} of the module {module!r}"
    if others:
        said += f" ({', '.join(others)} has one of that name, which may be another)"
    if "<locals>" in name:
        return f"{said}: it was defined inside a function. Define it at the top of a file"
    if module == "__main__":
        return f"{said}: it was defined in a notebook or at a prompt. Define it again there first"
    file = module.replace(".", "/") + ".py"
    return f"{said}: type `import {module}` first, or give `--file {file}` in the shell"
