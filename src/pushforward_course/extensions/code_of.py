"""A formula beside the lines of the library that compute it, included by name.

:::{code-of} pushforward.theory.best_discriminator.value
:mark: logsigmoid
$$ V = ... $$
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

from ..source import source_of
from ..words import say

ROOT = Path(pushforward.__file__).parent.parent


class CodeOf(SphinxDirective):
    """Formula and code, side by side where there is room."""

    has_content = True
    required_arguments = 1
    option_spec: ClassVar[dict[str, Any]] = {
        "mark": directives.unchanged_required,
        "docstring": directives.flag,
    }

    def run(self) -> list[nodes.Node]:
        """A container with two halves, or the code alone where there is no formula."""
        name = self.arguments[0]
        try:
            source = source_of(name, "docstring" in self.options)
        except LookupError as error:
            raise self.error(str(error)) from error
        self.env.note_dependency(str(source.file))
        pair = nodes.container(classes=["code-of"])
        if self.content:
            formula = nodes.container(classes=["formula"])
            formula += self.parse_content_to_nodes()
            pair += formula
        code = nodes.container(classes=["code"])
        where = f"{source.file.relative_to(ROOT).as_posix()}, {say('line')} {source.first}"
        code += nodes.paragraph(text=where, classes=["where"])
        code += self.block(source.text)
        pair += code
        return [pair]

    def block(self, text: str) -> nodes.literal_block:
        """The code, with lines that hold `mark` marked. An error where none does."""
        block = nodes.literal_block(text, text, language="python")
        mark = self.options.get("mark")
        if mark:
            lines = [n for n, line in enumerate(text.splitlines(), 1) if mark in line]
            if not lines:
                raise self.error(f"no line of {self.arguments[0]} holds {mark!r}")
            block["highlight_args"] = {"hl_lines": lines}
        return block


def setup(app: Sphinx) -> dict[str, Any]:
    """Registers the directive."""
    app.add_directive("code-of", CodeOf)
    return {"parallel_read_safe": True}
