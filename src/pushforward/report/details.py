"""What stands behind the comparison's table: every number with its interval, method and
circumstances, and where the bounds of models with latents go.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from ..metrics.measurement import Measurement
from ..metrics.surgery import Levels, Surgery
from .row import Row
from .tables import number

Lines = list[list[str]]
NUMBERS = ["model", "number", "value", "95 % interval", "by", "measured on"]
PARTS = [
    "model", "ELBO", "reconstruction", "mutual information", "marginal KL", "rate", "active",
    "examples",
]  # fmt: skip


def numbers(rows: Sequence[Row]) -> Lines:
    """A line for the likelihood and for each sample metric of each row, under NUMBERS."""
    return [line for row in rows for line in _of_row(row)]


def _of_row(row: Row) -> Iterator[list[str]]:
    known = row.likelihood
    if known is not None:
        ends = "" if known.interval is None else _ends(*known.interval)
        value, by = number(known.value, known.stderr), "bootstrap" if ends else ""
        about = f"{known.examples} examples; {known.kind}"
        yield [row.name, known.unit, value, ends, by, about]
    yield from ([row.name, *_of_metric(one)] for one in row.numbers)


def _of_metric(one: Measurement) -> list[str]:
    ends, by = (_ends(*one.interval[:2]), one.interval.method) if one.interval else ("", "")
    return [one.name, number(one.value, one.stderr), ends, by, one.circumstances()]


def _ends(low: float, high: float) -> str:
    return f"{low:.4g} to {high:.4g}"


def parts(rows: Sequence[Row]) -> Lines:
    """A line for each row whose bound was cut into parts, under PARTS, in nats."""
    return [[row.name, *_cut(row.surgery)] for row in rows if row.surgery is not None]


def _cut(found: Surgery | Levels) -> list[str]:
    ends = [f"{found.rate:.2f}", *_active(found), str(found.examples)]
    if isinstance(found, Levels):
        return [f"{found.elbo:.2f}", f"{found.reconstruction:.2f}", "–", "–", *ends]
    most = " (of log N)" if found.bounded else ""
    told = f"{found.information:.2f}{most}", f"{found.marginal_kl:.2f}"
    return [f"{found.elbo:.2f}", f"{found.reconstruction:.2f}", *told, *ends]


def _active(found: Surgery | Levels) -> list[str]:
    if isinstance(found, Levels):
        return [f"{found.active} of {len(found.rates)} levels"]
    return [f"{found.active} of {found.latent}{', collapsed' if found.collapsed else ''}"]


def markdown(rows: Sequence[Row]) -> str:
    """Both tables, each with its heading."""
    said = f"\n## Every number\n\n{_piped(NUMBERS, numbers(rows))}\n"
    if cut := parts(rows):
        said += f"\n## Where the bound goes, in nats\n\n{_piped(PARTS, cut)}\n"
    return said


def _piped(heads: list[str], lines: Lines) -> str:
    return "\n".join(f"| {' | '.join(line)} |" for line in [heads, ["---"] * len(heads), *lines])


def every(rows: Sequence[Row]) -> str:
    """The table of all numbers, folded, with what makes two of them comparable."""
    lines = numbers(rows)
    said = f"All {len(lines)} numbers with interval, method, counts, extractor and resizing"
    return (
        "<h2>Every number with its circumstances</h2>"
        "<p>Two numbers of one metric can be compared only where extractor, resizing, counts and "
        "settings agree. A bootstrap draws the examples again; a Fréchet distance is biased by "
        "how many different examples there are, so its interval is a jackknife's.</p>"
        f"<details><summary>{said}</summary>"
        f"{_table(NUMBERS, lines, 'details numbers')}</details>"
    )


def bounds(rows: Sequence[Row]) -> str:
    """The table of the parts of bounds; empty where no model has such."""
    lines = parts(rows)
    if not lines:
        return ""
    return (
        "<h2>Where the bound goes</h2>"
        "<p>ELBO = reconstruction − rate, and rate = mutual information + marginal KL, in nats: "
        "what the code tells of the datum, and how far all codes together are from the prior. "
        "A code that tells less than half a nat has collapsed. <i>Of log N</i>: as much as so few "
        "data can show.</p>"
        f"{_table(PARTS, lines)}"
    )


def _table(heads: list[str], lines: Lines, kind: str = "details") -> str:
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in heads)
    body = "".join(
        f'<tr><th scope="row">{escape(name)}</th>'
        + "".join(f"<td>{escape(cell)}</td>" for cell in cells)
        + "</tr>"
        for name, *cells in lines
    )
    return (
        '<div class="scroll" tabindex="0" role="region" aria-label="Details">'
        f'<table class="{kind}"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
    )
