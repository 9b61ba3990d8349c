"""Links a theorem to the test of the library that checks it numerically, shown on the page.

:::{checked-by} tests/objectives/test_f_divergences.py::test_conjugate_is_the_supremum
:::
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

import pushforward

from ..source import source_in
from ..words import say
from .details import add, details

ROOT = Path(pushforward.__file__).parents[2]


class CheckedBy(SphinxDirective):
    """The test's name, and its source to open where the tests are at hand."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """A hidden block with the test; a line with its name where tests were not installed."""
        file, _, name = self.arguments[0].partition("::")
        if not (ROOT / "tests").exists():
            text = f"{say('Checked numerically by')} {self.arguments[0]}"
            return [nodes.paragraph(text=text, classes=["checked"])]
        try:
            source = source_in(ROOT / file, name.split("::"), docstring=True)
        except (LookupError, OSError) as error:
            raise self.error(str(error)) from error
        self.env.note_dependency(str(source.file))
        node = details(summary=f"{say('Checked numerically by')} {name} ({file})", kind="checked")
        node += nodes.literal_block(source.text, source.text, language="python")
        return [node]


def setup(app: Sphinx) -> dict[str, Any]:
    """Registers the directive."""
    add(app)
    app.add_directive("checked-by", CheckedBy)
    return {"parallel_read_safe": True}
