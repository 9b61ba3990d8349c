"""What a network had when it was given to a model, so that it can be told from what came later.

A forward pass may leave things in attributes (`self.kl = ...`, `self.q = Normal(...)`), at a time
when it is too late to refuse them. They are not part of the network: a file, a copy and a loaded
model have what was there at first. Plain attributes (numbers, text, lists of them) are written as
they are now, since a network may count or be annealed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrize import is_parametrized, type_before_parametrizations

from ..values import JSON, BlueprintError, read, written
from .torch_names import LAYERS

NOTE = "_given_with"
INNER = {*vars(nn.Module()), NOTE, "_compiled_call_impl"}
"""What every module has among its attributes: no part of a network is called so."""

TENSOR: list[JSON] = [{"tensor": None}]
_BY_ARGUMENTS = set(LAYERS.values())


def parts_in(value: Any) -> Iterator[nn.Module]:
    """The modules in a value: itself, or those in its lists, tuples and dicts."""
    if isinstance(value, nn.Module):
        yield value
    elif isinstance(value, list | tuple | dict):
        for item in value.values() if isinstance(value, dict) else value:
            yield from parts_in(item)


def note(value: Any, ours: type) -> None:
    """Notes what the networks in `value` have, apart from those that are `ours` or noted."""
    for module in parts_in(value):
        if not isinstance(module, ours) and NOTE not in vars(module):
            had = {name: as_plain(v) for name, v in _unnamed(module).items()}
            vars(module)[NOTE] = {"had": had, "frozen": _frozen(module)}
            note(list(module._modules.values()), ours)


def as_plain(value: Any) -> list[JSON]:
    """An attribute as JSON in a list, which is empty where it cannot be written."""
    try:
        return TENSOR if isinstance(value, Tensor) else [plain(value)]
    except (BlueprintError, RecursionError):
        return []


def plain(value: Any, path: str = "") -> JSON:
    """A value without modules and tensors, as JSON. Raises BlueprintError for any other."""
    return written(value, plain, path)


def of_plain(node: JSON) -> Any:
    """The value that `plain` wrote."""
    return read(node, of_plain)


def attributes(module: nn.Module) -> dict[str, Any]:
    """What a module has beside its parameters, buffers and parts."""
    return {name: value for name, value in vars(module).items() if name not in INNER}


def _unnamed(module: nn.Module) -> dict[str, Any]:
    """Attributes, and buffers that `state_dict` leaves out."""
    passing = sorted(module._non_persistent_buffers_set)
    return {**attributes(module), **{name: module._buffers[name] for name in passing}}


def had(module: nn.Module, name: str) -> list[JSON] | None:
    """What a noted module had by that name at first: None where nothing, [] where unwritable."""
    return vars(module)[NOTE]["had"].get(name)


def frozen(module: nn.Module) -> list[str]:
    """The names of a noted module's own parameters that were not to be trained."""
    return vars(module)[NOTE]["frozen"]


def _frozen(module: nn.Module) -> list[str]:
    named: dict[str, Any] = dict(module._parameters)
    if is_parametrized(module):
        chains: Any = module.parametrizations
        named.update(chains.named_parameters("parametrizations"))
    return [name for name, p in named.items() if p is not None and not p.requires_grad]


def by_arguments(module: nn.Module) -> bool:
    """Whether a module is a layer of torch that is written with its arguments."""
    return type_before_parametrizations(module) in _BY_ARGUMENTS


def _networks(module: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """The noted parts of `module` that are written as what they consist of, by name."""
    for name, part in module.named_modules():
        if NOTE in vars(part) and not by_arguments(part):
            yield name, part


def constants(module: nn.Module) -> dict[str, Tensor]:
    """The tensors that a noted module had at first and that `state_dict` leaves out."""
    tensors = {k: value for k, value in _unnamed(module).items() if isinstance(value, Tensor)}
    return {name: tensor for name, tensor in tensors.items() if had(module, name) == TENSOR}


def unlisted(module: nn.Module) -> dict[str, Tensor]:
    """The tensors of the networks in `module` that `state_dict` leaves out, by name.

    They are buffers that are not persistent, and constants that are plain attributes.
    """
    parts = ((home, constants(part)) for home, part in _networks(module))
    return {f"{home}.{name}".lstrip("."): t for home, own in parts for name, t in own.items()}


def left_behind(module: nn.Module) -> dict[int, Any]:
    """A `memo` for `copy.deepcopy`: for what forward passes left, by id, what was there at first.

    A tensor with a graph, which is what they leave, cannot be copied.
    """
    memo: dict[int, Any] = {}
    for _, part in _networks(module):
        for name, value in attributes(part).items():
            first = had(part, name)
            if isinstance(value, Tensor) and first == TENSOR:
                memo[id(value)] = value.detach().clone()
            elif first != [] and as_plain(value) in ([], TENSOR) and not any(parts_in(value)):
                memo[id(value)] = of_plain(first[0]) if first else None
    for tensor in (*module.parameters(), *module.buffers()):
        memo.pop(id(tensor), None)
    return memo


def pairs(copy: nn.Module, original: nn.Module) -> list[tuple[nn.Module, nn.Module]]:
    """The networks of two models that are alike, side by side."""
    return [(mine, theirs) for (_, mine), (_, theirs) in zip(_networks(copy), _networks(original))]


def take(home: dict[str, Any], name: str, tensor: Tensor) -> None:
    """Puts a copy of `tensor` in its place."""
    mine = home[name]
    if isinstance(mine, Tensor) and mine.shape == tensor.shape:
        mine.copy_(tensor)
    else:
        home[name] = tensor.detach().clone()


@torch.no_grad()
def follow(copy: nn.Module, original: nn.Module) -> None:
    """Gives a network the tensors and the single numbers and words that another's attributes have.

    (It is done in every step of training, so lists stay as they are.)
    """
    for name, tensor in constants(original).items():
        take(copy._buffers if name in copy._buffers else vars(copy), name, tensor)
    for name, value in attributes(original).items():
        if value is None or type(value) in (bool, int, float, str):
            vars(copy)[name] = value


def restore(network: nn.Module, saved: nn.Module) -> None:
    """Gives a network what it had when it was saved, lists and dicts included."""
    follow(network, saved)
    for name, value in attributes(saved).items():
        if as_plain(value) not in ([], TENSOR):
            vars(network)[name] = value
