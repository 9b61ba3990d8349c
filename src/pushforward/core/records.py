"""What a checkpoint tells of itself beside its weights: JSON of a form that is checked once.

Whoever reads a record may rely on it: it was written by us, or by somebody who knows how.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

Test = Callable[[Any], bool]


def _is(*kinds: type) -> Test:
    return lambda value: type(value) in kinds


def _whole(value: Any) -> bool:
    return type(value) is int and value >= 0


def _texts(value: Any) -> bool:
    return type(value) is list and all(type(item) is str for item in value)


DATA: dict[str, Test] = {
    "name": _is(str),
    "spec": _is(str),
    "rate": lambda value: _whole(value) and value > 0,
    "words": lambda value: _texts(value) and len(value) > 0,
    "unit": _is(str),
    "classes": _texts,
    "examples": _is(dict),
    "rule": _is(str),
}
TRAINING: dict[str, Test] = {
    "step": _whole,
    "stage": _whole,
    "cursor": _whole,
    "updates": _whole,
    "seconds": lambda value: type(value) in (int, float) and 0 <= value < 1e15,
}
RECORD: dict[str, Test] = {
    "data": _is(dict),
    "training": _is(dict),
    "recipe": lambda value: type(value) is dict and value.get("record") == "Recipe",
    "space": _is(dict),
    "preset": _is(str),
    "started": _is(dict),
    "halved": _is(bool),
    "row": _is(dict),
}


def parsed(text: str) -> Any:
    """The value of JSON. Raises ValueError for what is none, or lies too deep."""
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("it holds more lists in each other than can be read") from error


def checked(record: Any) -> dict[str, Any]:
    """The record, if it is of the form that `save` writes. Raises ValueError, naming the part."""
    if type(record) is not dict:
        raise ValueError(f"its record is a {type(record).__name__}")
    _check("", record, RECORD)
    _check("data.", record.get("data", {}), DATA)
    _check("training.", record.get("training", {}), TRAINING)
    if ("words" in record.get("data", {})) != ("unit" in record.get("data", {})):
        raise ValueError("its record has words without their unit")
    return record


def _check(home: str, found: Mapping[str, Any], tests: Mapping[str, Test]) -> None:
    for name, test in tests.items():
        if name in found and not test(found[name]):
            raise ValueError(f"its record says {home}{name} = {str(found[name])[:60]!r}")
