"""Rows of the tables of a lecture, read from what was measured."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pushforward
from pushforward.core.catalogue import discover

COLUMNS = ("preset", "data", "metric", "value", "likelihood", "minutes", "hardware")


def reached(presets: list[str], metric: str | None = None) -> list[dict[str, str]]:
    """What presets reached, a row for each number, of one metric or of all.

    Raises LookupError, naming it, for a preset without numbers.
    """
    discover()
    path = Path(pushforward.__file__).parent / "presets" / "reached.json"
    known = json.loads(path.read_text("utf-8"))
    missing = [name for name in presets if name not in known]
    if missing:
        raise LookupError(f"{', '.join(missing)}: no numbers in presets/reached.json")
    rows = [_row(name, row) for name in presets for row in known[name]]
    return [row for row in rows if metric in (None, row["metric"])]


def _row(name: str, row: dict[str, Any]) -> dict[str, str]:
    value = f"{row['value']:g} {row['unit']}".strip()
    minutes = row["minutes"]
    return {
        "preset": name,
        "data": row["data"].partition("@")[0].removesuffix(",") + _closed(row["data"]),
        "metric": row["metric"],
        "value": value,
        "likelihood": row["likelihood"] or "none",
        "minutes": f"{minutes:g}",
        "hardware": row["hardware"],
    }


def _closed(data: str) -> str:
    """The bracket that was cut off with a digest."""
    return ")" if "@" in data and data.endswith(")") else ""


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
