"""The core: the contract, the spaces, data, checkpoints."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def modules_of(package: str) -> Callable[[str], Any]:
    """`__getattr__` of a package whose modules are imported when they are asked for."""
    from importlib import import_module
    from importlib.util import find_spec

    def get(name: str) -> Any:
        if name.startswith("_") or find_spec(f"{package}.{name}") is None:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return import_module(f"{package}.{name}")

    return get


__getattr__ = modules_of(__name__)
