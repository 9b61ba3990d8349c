"""The map of all systems: a table that can be filtered, and one picture."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

from pushforward.core import sources

from .facts import Facts
from .pages import cell, kept, table
from .systems import lecture_link

HEAD = ["system", "lecture", "family", "kind", "likelihood", "operations for one sample", "latent",
        "measured"]  # fmt: skip
TEXT = """# A map of all systems

{count} systems, as the library's catalogue lists them. What a model has was asked of its smallest
example when this page was built: the kind of its likelihood, whether x has a latent (by an encoder,
as codes, or as noise that it is a function of), and how many operations torch runs to draw one
datum, which tells one pass of a network from a pass for each dimension or step, whatever the
hardware. What was measured is the first number that a preset of it reached, as it was recorded. In
the picture, columns are those operations, rows the kinds of likelihood, and colours the families.

![Systems by the kind of their likelihood and the operations that one sample costs](map.svg)

{table}
"""
COSTS = ((99, "below 100"), (999, "hundreds"), (9999, "thousands"), (10**12, "10,000 or more"))


def page(facts: dict[str, Facts]) -> str:
    """The page's Markdown."""
    rows = sources.rows()
    text = table(HEAD, [_row(row, facts.get(row["id"])) for row in rows], "filtered")
    return TEXT.format(count=len(rows), table=text)


def _row(row: dict[str, Any], facts: Facts | None) -> list[str]:
    has = ["", "", ""]
    if facts is not None:
        has = [cell(facts.likelihood), str(facts.operations), facts.latent]
    link = f"[{cell(row['title'])}](systems/{row['id']}.md)"
    lecture = lecture_link(row["lecture"]).replace("../", "").replace("Lecture ", "")
    return [link, lecture, row["family"], row["kind"], *has, cell(_measured(row))]


def _measured(row: dict[str, Any]) -> str:
    """The first number of the first preset that has one."""
    for name, numbers in row["reached"].items():
        for r in numbers[:1]:
            return f"{r['metric']} {r['value']:g} {r['unit']}".strip() + f" ({name})"
    return ""


def places(facts: dict[str, Facts]) -> dict[tuple[str, str], list[str]]:
    """The systems in each field of the picture: kind of likelihood, and cost."""
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for name, has in sorted(facts.items()):
        cost = next((word for top, word in COSTS if has.operations <= top))
        found[has.likelihood.partition(" (")[0], cost].append(name)
    return dict(found)


def draw(facts: dict[str, Facts], file: Path) -> None:
    """Writes the picture: kinds of likelihood by rows, costs by columns, families by colours."""
    from io import StringIO

    from matplotlib import rc_context
    from matplotlib.figure import Figure

    fields = places(facts)
    kinds = sorted({kind for kind, _ in fields})
    tall = {kind: max(len(n) for (k, _), n in fields.items() if k == kind) for kind in kinds}
    height = sum(tall.values()) + 2 * len(kinds) + 2
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "map"}):
        figure = Figure(figsize=(9, 0.19 * height))
        axes = figure.add_axes((0, 0, 1, 1), xlim=(0, 4), ylim=(height, 0))
        axes.axis("off")
        _fields(axes, fields, tall)
        drawn = StringIO()
        figure.savefig(drawn, format="svg", metadata={"Date": None})
    kept(file, drawn.getvalue())


def _fields(axes: Any, fields: dict[tuple[str, str], list[str]], tall: dict[str, int]) -> None:
    families = {system.id: system.family for system in sources.systems()}
    shown = sorted({families[name] for names in fields.values() for name in names})
    colours = {family: f"C{i}" for i, family in enumerate(shown)}
    top = 1.8
    for i, family in enumerate(shown):
        axes.text(0.03 + 3.9 * i / len(shown), 0.75, family, color=colours[family], fontsize=8)
    for column, (_, cost) in enumerate(COSTS):
        axes.text(column + 0.03, 1.5, cost, weight="bold", fontsize=9)
    for kind, rows in tall.items():
        axes.axhline(top, color="#999999", lw=0.8)
        axes.text(0.03, top + 1, kind, style="italic", fontsize=9)
        for column, (_, cost) in enumerate(COSTS):
            for i, name in enumerate(fields.get((kind, cost), [])):
                colour = colours[families[name]]
                axes.text(column + 0.03, top + 2 + i, name, color=colour, fontsize=8)
        top += rows + 2
