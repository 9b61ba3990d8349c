"""The results as Markdown and CSV, for a README and for a spreadsheet."""

from __future__ import annotations

import csv as writer
import io
from collections.abc import Sequence
from typing import Any

from ..metrics.measurement import Measurement
from .row import Row
from .workers import Failure

HEADS = (
    "model", "family", "likelihood", "kind", "Fréchet distance", "precision", "recall",
    "parameters", "training, s", "samples/s",
)  # fmt: skip


def markdown(rows: Sequence[Row]) -> str:
    """A table of the rows, with what its numbers were measured with below it."""
    lines = [HEADS, ["---"] * 2 + ["---:"] + ["---"] + ["---:"] * 6]
    lines += [_cells(row) for row in rows]
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    number = rows[0].quality.frechet
    counts = f"{number.samples} samples against {number.references} held-out examples"
    below = f"{rows[0].data}: {counts}, extractor {number.extractor}, "
    below += f"resize {number.resize}, ± one standard error."
    return f"{table}\n\n{below}\n"


def failed(failures: Sequence[Failure]) -> str:
    """Why models have no row, a paragraph each."""
    return "".join(f"\n{f.name} failed: {f.error}\n" for f in failures)


def _cells(row: Row) -> list[str]:
    likelihood, quality = row.likelihood, row.quality
    value = f"{number(likelihood.value, likelihood.stderr)} {likelihood.unit}" if likelihood else ""
    return [
        f"{row.model} (`{row.name}`)",
        row.family,
        value or "none",
        str(likelihood.kind) if likelihood else "none",
        measured(quality.frechet),
        measured(quality.precision),
        measured(quality.recall),
        f"{row.parameters:,}",
        "" if row.train_seconds is None else f"{row.train_seconds:.1f}",
        f"{row.samples_per_second:,.0f}",
    ]


def measured(what: Measurement) -> str:
    """A measurement's number."""
    return number(what.value, what.stderr)


def number(value: float, stderr: float | None) -> str:
    """A value with its standard error, both to the error's second digit.

    >>> number(2.3649, 0.0187), number(34.61, 1.94), number(1234.5, 41.0), number(0.25, None)
    ('2.365 ± 0.019', '34.6 ± 1.9', '1234 ± 41', '0.25')
    """
    if not stderr:
        return f"{value:.3g}"
    exponent = int(f"{stderr:e}".partition("e")[2])
    digits = min(6, max(0, 1 - exponent))
    return f"{value:.{digits}f} ± {stderr:.{digits}f}"


def csv(rows: Sequence[Row]) -> str:
    """A line per row with the columns of `results.json`, nested ones joined by underscores."""
    records = [flat(row.record()) for row in rows]
    columns = list(dict.fromkeys(column for record in records for column in record))
    text = io.StringIO()
    table = writer.DictWriter(text, columns, restval="", lineterminator="\n")
    table.writeheader()
    table.writerows(records)
    return text.getvalue()


def flat(record: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """A nested record as one level; a likelihood that is missing is of kind "none".

    >>> flat({"model": "GAN", "likelihood": None})
    {'model': 'GAN', 'likelihood_kind': 'none'}
    """
    out: dict[str, Any] = {}
    for key, value in record.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict):
            out |= flat(value, f"{name}_")
        elif key == "likelihood" and value is None:
            out[f"{name}_kind"] = "none"
        else:
            out[name] = value
    return out
