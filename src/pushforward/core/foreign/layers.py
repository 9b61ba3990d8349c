"""Torch's own layers, written by name with the arguments that they were built with.

    {"torch": "Linear", "arguments": {"in_features": 2, "out_features": 64}}

A layer keeps its arguments as attributes; those that are the default are left out, so that a file
says what matters, and another version of torch may know more of them. Norms of
`torch.nn.utils.parametrizations` are written beside the layer that they sit on.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations
from torch.nn.utils.parametrize import is_parametrized, type_before_parametrizations

from ..values import JSON, BlueprintError, Write
from .torch_names import LAYERS

_RECURRENT = ("input_size", "hidden_size", "num_layers", "bias", "batch_first", "dropout")
_RECURRENT_OWN: dict[type, tuple[str, ...]] = {
    nn.RNN: (*_RECURRENT, "bidirectional", "nonlinearity"),
    nn.GRU: (*_RECURRENT, "bidirectional"),
    nn.LSTM: (*_RECURRENT, "bidirectional", "proj_size"),
}
COSTLY = 2**14  # numbers that a layer or an iteration is worth, since they cost time as well
# Where a layer lives is not its own to say; Hardtanh calls its bounds by old names as well.
_APART = {"args", "kwargs", "device", "dtype", "min_value", "max_value"}


def arguments_of(layer: nn.Module, write: Write, path: str) -> dict[str, JSON]:
    """The arguments of a layer of the closed list that are not its defaults."""
    defaults = _defaults(type_before_parametrizations(layer))
    values = {name: _argument(layer, name, path) for name in defaults}
    if not getattr(layer, "affine", True):
        values.pop("bias", None)
    told = {k: v for k, v in values.items() if (type(v), v) != (type(defaults[k]), defaults[k])}
    return {name: write(value, f"{path}.{name}") for name, value in told.items()}


def _defaults(kind: type) -> dict[str, Any]:
    """The arguments that a layer is described by, with their defaults."""
    if kind in _RECURRENT_OWN:  # whose signature is *args
        return dict.fromkeys(_RECURRENT_OWN[kind], inspect.Parameter.empty)
    parameters = inspect.signature(kind).parameters
    return {k: p.default for k, p in parameters.items() if k not in _APART and k[0] != "_"}


def _argument(layer: nn.Module, name: str, path: str) -> Any:
    """An argument as the layer remembers it: of a bias, whether there is one."""
    if name == "bias" and not isinstance(getattr(layer, "bias", None), bool):
        return getattr(layer, "bias", None) is not None
    if not hasattr(layer, name):
        kind = type_before_parametrizations(layer).__name__
        raise BlueprintError(
            f"{path} is a {kind}, which does not remember its {name!r} in torch "
            f"{torch.__version__}: make it a part of a pushforward.Component"
        )
    return getattr(layer, name)


def layer_of(name: str, arguments: dict[str, Any], allow: Callable[[int], None]) -> nn.Module:
    """The layer of that name, with new weights.

    `allow(n)` is asked about its numbers before there is memory for them.
    """
    kind = LAYERS[name]
    if strange := arguments.keys() - _defaults(kind).keys():
        raise BlueprintError(f"torch's {name} has no argument {sorted(strange)[0]!r}")
    allow(COSTLY * arguments.get("num_layers", 0))
    with warnings.catch_warnings(), torch.device("meta"):
        warnings.simplefilter("ignore")  # what torch says of such a layer it said to its author
        allow(sum(tensor.numel() for tensor in kind(**arguments).state_dict().values()))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return kind(**arguments)


def norms_of(layer: nn.Module, path: str) -> dict[str, list[JSON]]:
    """The parametrisations of every tensor of a module, in order."""
    if not is_parametrized(layer):
        return {}
    chains: Any = layer.parametrizations
    return {name: [_norm(n, f"{path}.{name}") for n in chain] for name, chain in chains.items()}


def _norm(norm: Any, path: str) -> JSON:
    match type(norm).__name__, type(norm).__module__:
        case ("_SpectralNorm", "torch.nn.utils.parametrizations") | (
            "SpectralNorm",
            "pushforward.nn.spectral",
        ):
            iterations = getattr(norm, "n_power_iterations", 1)  # of a vector there are none
            settings = {"n_power_iterations": iterations, "eps": norm.eps, "dim": norm.dim}
            return {"norm": "spectral_norm", **settings}
        case "_WeightNorm", "torch.nn.utils.parametrizations":
            return {"norm": "weight_norm", "dim": norm.dim}
        case "_Orthogonal", "torch.nn.utils.parametrizations":
            settings = {"use_trivialization": hasattr(norm, "base")}
            return {"norm": "orthogonal", "orthogonal_map": norm.orthogonal_map.name, **settings}
    raise BlueprintError(
        f"{path} has the parametrisation {type(norm).__name__}, and only spectral_norm, "
        "weight_norm and orthogonal of torch.nn.utils.parametrizations can be written: make the "
        "layer a part of a pushforward.Component"
    )


def normalise(layer: nn.Module, name: str, norms: list[dict], allow: Callable[[int], None]) -> None:
    """Puts parametrisations on a tensor of a module, as `norms_of` wrote them."""
    for norm in norms:
        settings = {key: value for key, value in norm.items() if key != "norm"}
        match norm["norm"]:
            case "spectral_norm":
                allow(COSTLY * settings["n_power_iterations"])
                parametrizations.spectral_norm(layer, name, **settings)
            case "weight_norm":
                parametrizations.weight_norm(layer, name, **settings)
            case "orthogonal":
                allow(max(getattr(layer, name).shape[-2:]) ** 2)  # it is cut from a square
                parametrizations.orthogonal(layer, name, **settings)
            case strange:
                raise BlueprintError(f"no parametrisation is called {strange!r}")


def originals(module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Of every parametrised tensor its name and one tensor of its shape, without computing it."""
    if is_parametrized(module):
        for name, chain in module.parametrizations.items():  # type: ignore[union-attr,operator]
            yield name, chain.original1 if hasattr(chain, "original1") else chain.original
