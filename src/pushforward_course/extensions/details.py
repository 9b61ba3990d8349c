"""A part of a page that is hidden until it is asked for."""

from __future__ import annotations

from typing import Any

from docutils import nodes
from sphinx.application import Sphinx


class details(nodes.General, nodes.Element):
    """What is hidden; `summary` is the text that opens it."""


def visit(translator: Any, node: details) -> None:
    """Opens the element."""
    translator.body.append(translator.starttag(node, "details", CLASS=node.get("kind", "")))
    translator.body.append(f"<summary>{translator.encode(node['summary'])}</summary>")


def depart(translator: Any, node: details) -> None:
    """Closes it."""
    translator.body.append("</details>\n")


def _nothing(translator: Any, node: details) -> None:
    pass


def add(app: Sphinx) -> None:
    """Registers the node, once."""
    if "details" not in app.registry.translation_handlers.get("html", {}):
        app.add_node(details, html=(visit, depart), text=(_nothing, _nothing))
