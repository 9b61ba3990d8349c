"""Rows of the tables of a lecture, read from what was measured."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from pushforward.core.catalogue import Reached, presets

COLUMNS = ("preset", "data", "metric", "value", "likelihood", "time", "hardware")


def reached(names: list[str], metric: str | None = None) -> list[dict[str, str]]:
    """What presets reached, a row for each number, of one metric or of all.

    Raises LookupError, naming it, for a preset that is not known or has no numbers.
    """
    known = presets()
    missing = [name for name in names if name not in known or not known[name].reached]
    if missing:
        raise LookupError(f"{', '.join(missing)}: no numbers were recorded")
    rows = [_row(name, number) for name in names for number in known[name].reached]
    return [row for row in rows if metric in (None, row["metric"])]


def _row(name: str, number: Reached) -> dict[str, str]:
    return {
        "preset": name,
        "data": re.sub(r"@[0-9a-f]+", "", number.data),  # a digest of who looked
        "metric": number.metric,
        "value": f"{number.value:g} {number.unit}".strip(),
        "likelihood": number.likelihood or "none",
        "time": _time(60 * number.minutes),
        "hardware": number.hardware,
    }


def _time(seconds: float) -> str:
    """A duration for people.

    >>> _time(0.61), _time(42.3), _time(150), _time(9000)
    ('0.6 s', '42 s', '2.5 min', '150 min')
    """
    if seconds < 120:
        return f"{seconds:.1f} s" if seconds < 9.5 else f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min" if seconds < 600 else f"{seconds / 60:.0f} min"


def measured(file: Path, path: list[str]) -> list[tuple[str, str]]:
    """What a record of results/ says under a path of keys, as pairs of name and value.

    Raises LookupError where the path leads nowhere.
    """
    found: Any = json.loads(file.read_text("utf-8"))
    for key in path:
        if not isinstance(found, dict) or key not in found:
            raise LookupError(f"{file.name} has no {' / '.join(path)}")
        found = found[key]
    pairs = found.items() if isinstance(found, dict) else [(path[-1], found)]
    return [(str(name), _shown(value)) for name, value in pairs if not isinstance(value, dict)]


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    return " .. ".join(map(_shown, value)) if isinstance(value, list) else str(value)
