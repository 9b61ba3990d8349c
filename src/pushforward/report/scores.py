"""The table of the comparison page: a row per model, and real images for scale."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from ..metrics.measurement import Measurement
from ..metrics.samples import SampleQuality
from .row import Row
from .tables import measured, number

HEADS = {
    "Fréchet distance": "↓ lower is better",
    "precision": "↑ of 1",
    "recall": "↑ of 1",
    "parameters": "learned",
    "training": "seconds",
    "sampling": "images / s",
}


def table(rows: Sequence[Row], real: SampleQuality, noun: str) -> str:
    """The table with its head and foot; what is best in a column is shaded."""
    unit = next((row.likelihood.unit for row in rows if row.likelihood), "likelihood")
    heads = {"model": "", unit: "↓ lower is better", **HEADS}
    head = "".join(
        f'<th scope="col">{name}<small>{said.replace("images", noun)}</small></th>'
        for name, said in heads.items()
    )
    body = "".join(_line(row, rows) for row in rows)
    return (
        '<p class="note swipe">Swipe the table sideways for all columns.</p>'
        '<div class="scroll" tabindex="0" role="region" aria-label="All numbers">'
        f'<table aria-describedby="note"><thead><tr>{head}</tr></thead><tbody>{body}</tbody>'
        f"<tfoot>{_foot(real, noun)}</tfoot></table></div>"
        f'<p class="note" id="note">{_note(rows, noun)}</p>'
    )


def _note(rows: Sequence[Row], noun: str) -> str:
    quality = rows[0].quality.frechet
    untrained = any(row.untrained_quality for row in rows)
    return (
        f"{quality.samples} samples of each model against {quality.references} held-out {noun}, "
        f"seen through <code>{escape(quality.extractor)}</code> (resize {escape(quality.resize)}). "
        "± is one standard error; 95 % intervals stand below. "
        + ("<i>Untrained</i> is the same model before it learned. " if untrained else "")
        + "Shaded: best in its column. Timed with one thread each, on a machine at work."
    )


def _line(row: Row, rows: Sequence[Row]) -> str:
    quality, kind = row.quality, "baseline" if row.family == "baseline" else ""
    before = row.untrained_quality
    seconds = "–" if row.train_seconds is None else f"{row.train_seconds:.1f}"
    cells = [
        _likelihood(row, rows),
        _cell(
            measured(quality.frechet) + (_untrained(before.frechet.value) if before else ""),
            _is_best(row, rows, "frechet"),
            _meter(quality.frechet, max(r.quality.frechet.value for r in rows)),
        ),
        _cell(measured(quality.precision), _is_best(row, rows, "precision")),
        _cell(measured(quality.recall), _is_best(row, rows, "recall")),
        _cell(f"{row.parameters:,}"),
        _cell(seconds),
        _cell(f"{row.samples_per_second:,.0f}"),
    ]
    title = f"<small>{escape(row.title)}</small>" if row.title not in ("", row.model) else ""
    name = f'<a href="#{row.slug}">{escape(row.model)}</a>{title}'
    name += f"<small><i>{escape(row.family)}</i></small>"
    return f'<tr class="{kind}"><th scope="row">{name}</th>{"".join(cells)}</tr>'


def _cell(said: str, best: bool = False, below: str = "") -> str:
    return f'<td class="best">{said}{below}</td>' if best else f"<td>{said}{below}</td>"


def _untrained(value: float) -> str:
    return f"<small>untrained {value:.3g}</small>"


def _meter(what: Measurement, most: float) -> str:
    share = 100 * what.value / most if most else 0
    return f'<span class="meter"><i style="width:{share:.0f}%"></i></span>'


def _is_best(row: Row, rows: Sequence[Row], name: str) -> bool:
    values = [getattr(r.quality, name) for r in rows]
    best = max if values[0].higher_is_better else min
    return getattr(row.quality, name).value == best(v.value for v in values)


def _likelihood(row: Row, rows: Sequence[Row]) -> str:
    if row.likelihood is None:
        return _cell("none<small>only samples</small>")
    least = min((r.likelihood.value for r in rows if r.likelihood), default=math.nan)
    said = number(row.likelihood.value, row.likelihood.stderr)
    said += f"<small>{escape(str(row.likelihood.kind))}</small>"
    said += _untrained(row.untrained.value) if row.untrained else ""
    return _cell(said, row.likelihood.value == least)


def _foot(real: SampleQuality, noun: str) -> str:
    numbers = "".join(_cell(measured(part)) for part in real)
    name = f'<th scope="row">real {noun}<small>the goal</small></th>'
    return f"<tr>{name}<td>–</td>{numbers}<td>–</td><td>–</td><td>–</td></tr>"
