"""A module that is not ours, as JSON; what cannot be written is refused, with what to do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch.nn.utils.parametrize import is_parametrized, type_before_parametrizations

from ..values import JSON, BlueprintError, find, home
from .layers import arguments_of, norms_of, originals
from .notes import attributes, by_arguments, constants, frozen, had, note, parts_in, plain
from .torch_names import LAYERS, TYPES, WHOLES

_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
_OLD = {"SpectralNorm": "spectral_norm", "WeightNorm": "weight_norm"}


class Writing(Protocol):
    """What writes the parts of a module, and knows what was written."""

    ours: type
    registered: set[int]

    def __call__(self, value: Any, path: str) -> JSON:
        """`value` as JSON; a module that was written is referred to."""

    def attempt(self, value: Any, path: str) -> JSON:
        """The same; where it cannot be written, nothing has been written of it."""

    def ties(self, number: int, tensors: dict[str, Tensor]) -> dict[str, list]:
        """Of a module's tensors those that were written before: the module's number and name."""


def describe(module: nn.Module, number: int, write: Writing, path: str) -> JSON:
    """A module as JSON. Raises BlueprintError for what cannot be written."""
    _refuse_lazy(module, path)
    called = _called(type_before_parametrizations(module), path)
    _refuse_hooks(module, path)
    note(module, write.ours)
    if by_arguments(module):
        parts: dict[str, Any] = {"arguments": arguments_of(module, write, path)}
    else:
        parts = _structure(module, write, path)
    parts |= {"norms": norms_of(module, path), "frozen": frozen(module)}
    parts["tied"] = write.ties(number, _tensors(module))
    return {**called, "id": number, **{name: part for name, part in parts.items() if part}}


def _refuse_lazy(module: nn.Module, path: str) -> None:
    tensors = (*module._parameters.values(), *module._buffers.values())
    if any(tensor is not None and is_lazy(tensor) for tensor in tensors):
        raise BlueprintError(
            f"{path} is a {type(module).__name__}, which has no weights yet: "
            "call the network once, on a batch, before you train it"
        )


def _refuse_hooks(module: nn.Module, path: str) -> None:
    hooks = [hook for kind in _HOOKS for hook in getattr(module, kind).values()]
    if hooks and (name := _OLD.get(type(hooks[0]).__name__)) is not None:
        raise BlueprintError(
            f"{path} has torch.nn.utils.{name}, a hook, which cannot be written: "
            f"use torch.nn.utils.parametrizations.{name}, which does the same"
        )
    if hooks:
        raise BlueprintError(
            f"{path} has a hook, which cannot be written: remove it (its handle has remove()), or "
            "do what it does in forward"
        )


def _called(kind: type, path: str) -> dict[str, JSON]:
    if not of_torch(kind):
        return {"class": kind.__qualname__, "module": home(kind)}
    if {**LAYERS, **WHOLES}.get(kind.__name__) is kind:
        return {"torch": kind.__name__}
    if kind.__name__ == "OptimizedModule":
        raise BlueprintError(
            f"{path} was compiled, and only networks can be written: "
            "give the network itself, and train it with Recipe(compile=True)"
        )
    raise BlueprintError(
        f"{path} is a {kind.__module__}.{kind.__name__}, which is not among the layers that can be "
        "written by name: build it inside a pushforward.Component, whose constructor makes it anew"
    )


def of_torch(kind: type) -> bool:
    """Whether a class is torch's own."""
    return kind.__module__.split(".")[0] == "torch"


def _structure(module: nn.Module, write: Writing, path: str) -> dict[str, JSON]:
    """What a module consists of. Children come first, so that attributes can refer to them."""
    apart = {"parametrizations"} if is_parametrized(module) else set()
    children = {name: m for name, m in module._modules.items() if name not in apart}
    parts = {name: write(child, f"{path}.{name}") for name, child in children.items()}
    # Parameters that became the originals of a parametrisation are parameters first.
    parameters = {**module._parameters, **dict(originals(module))}
    return {
        "parameters": {name: _form(tensor, path) for name, tensor in parameters.items()},
        "buffers": dict(_buffers(module, path)),
        "children": parts,
        "attributes": dict(_attributes(module, write, path)),
    }


def _form(tensor: Tensor | None, path: str) -> JSON:
    if tensor is None:
        return None
    name = str(tensor.dtype).removeprefix("torch.")
    find(name, TYPES, f"type of tensors that can be written (at {path})")
    return {"dtype": name, "shape": list(tensor.shape)}


def _tensors(module: nn.Module) -> dict[str, Tensor]:
    named = {**module._parameters, **module._buffers, **constants(module)}
    return {name: tensor for name, tensor in named.items() if tensor is not None}


def _buffers(module: nn.Module, path: str) -> Iterator[tuple[str, JSON]]:
    for name, tensor in module._buffers.items():
        if name not in module._non_persistent_buffers_set:
            yield name, _form(tensor, path)
        elif tensor is None or name in constants(module):
            yield name, {"passing": _form(tensor, path)}
        elif had(module, name) is not None:  # a forward pass filled what was empty
            yield name, {"passing": None}


def _attributes(module: nn.Module, write: Writing, path: str) -> Iterator[tuple[str, JSON]]:
    fixed = constants(module)
    for name, value in attributes(module).items():
        first = had(module, name)
        try:
            if name in fixed:
                yield name, {"tensor": _form(value, path)}
            else:
                yield name, _attribute(module, value, write, f"{path}.{name}")
        except BlueprintError:
            if first == []:
                raise
            if first is not None:  # what a forward pass left there is not part of the network
                yield name, first[0]


def _attribute(module: nn.Module, value: Any, write: Writing, path: str) -> JSON:
    inside = list(parts_in(value))
    if any(id(part) not in write.registered for part in inside):
        raise BlueprintError(
            f"{path} holds a {type(inside[0]).__name__} in a plain {type(value).__name__}, where "
            "nothing trains it: use nn.ModuleList or nn.ModuleDict"
        )
    if inside:
        return write.attempt(value, path)
    try:
        return plain(value, path)
    except BlueprintError as error:
        name = type_before_parametrizations(module).__name__
        raise BlueprintError(
            f"{error}. Make a function a method of {name} or an nn.Module, and a tensor a buffer "
            f"(register_buffer); or derive {name} from pushforward.Component instead of "
            "nn.Module: then it is built again by its constructor"
        ) from error
