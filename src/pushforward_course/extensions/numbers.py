"""Tables of measured numbers, read when the page is built.

:::{reached} forward_kl reverse_kl
:columns: preset, data, value
:metric: nll
:::

:::{measured} results/latent.json
:path: EM: an iteration against scikit-learn's
:::
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

import pushforward

from ..records import COLUMNS, measured, reached
from ..words import say

ROOT = Path(pushforward.__file__).parents[2]


def table(head: list[str], rows: list[list[str]]) -> nodes.Node:
    """A table in a box that scrolls by itself where it is too wide."""
    group = nodes.tgroup(cols=len(head))
    group += [nodes.colspec(colwidth=1) for _ in head]
    group += nodes.thead("", _row(head))
    group += nodes.tbody("", *(_row(row) for row in rows))
    found = nodes.table("", group, classes=["measured"])
    return nodes.container("", found, classes=["table-wrapper"])


def _row(cells: list[str]) -> nodes.row:
    return nodes.row("", *(nodes.entry("", nodes.paragraph(text=cell)) for cell in cells))


class Reached(SphinxDirective):
    """What presets reached here."""

    required_arguments = 1
    final_argument_whitespace = True
    option_spec: ClassVar[dict[str, Any]] = {
        "columns": directives.unchanged_required,
        "metric": directives.unchanged_required,
    }

    def run(self) -> list[nodes.Node]:
        """The table; an error for a preset without numbers or a column that is not known."""
        wanted = self.options.get("columns", "preset, data, metric, value, likelihood, time")
        columns = [column.strip() for column in wanted.split(",")]
        if strange := set(columns) - set(COLUMNS):
            raise self.error(f"no columns {sorted(strange)}: there are {', '.join(COLUMNS)}")
        try:
            rows = reached(self.arguments[0].split(), self.options.get("metric"))
        except LookupError as error:
            raise self.error(str(error)) from error
        self.env.note_dependency(str(Path(pushforward.__file__).parent / "presets/reached.json"))
        return [
            table(
                [say(column) for column in columns],
                [[row[column] for column in columns] for row in rows],
            )
        ]


class Measured(SphinxDirective):
    """What a bench measured."""

    required_arguments = 1
    option_spec: ClassVar[dict[str, Any]] = {"path": directives.unchanged_required}

    def run(self) -> list[nodes.Node]:
        """A table of name and value; a sentence where the records were not installed."""
        file = ROOT / self.arguments[0]
        if not (ROOT / "results").exists():
            return [nodes.paragraph(text=f"{self.arguments[0]} is in the repository.")]
        path = [part.strip() for part in self.options["path"].split(" / ")]
        try:
            pairs = measured(file, path)
        except (LookupError, OSError) as error:
            raise self.error(str(error)) from error
        self.env.note_dependency(str(file))
        return [table(["", say("measured")], [[name, value] for name, value in pairs])]


def setup(app: Sphinx) -> dict[str, Any]:
    """Registers the directives."""
    app.add_directive("reached", Reached)
    app.add_directive("measured", Measured)
    return {"parallel_read_safe": True}
