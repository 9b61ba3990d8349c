"""Words of ours in the language of the build, and titles that translators see."""

from __future__ import annotations

from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from ..words import CATALOGUE, say


def translatable(directive: SphinxDirective, text: str) -> nodes.inline:
    """A directive's argument, which is a message of its page's catalogue like any paragraph."""
    inside, _ = directive.parse_inline(text)
    node = nodes.inline(text, "", *inside, translatable=True)
    directive.set_source_info(node)
    return node


def speak(app: Sphinx, config: Any) -> None:
    """Loads our catalogue, and says what Sphinx is told in words of the language."""
    for folder in config.locale_dirs:
        app.add_message_catalog(CATALOGUE, folder)
    for name in ("project", "html_title", "nb_code_prompt_show", "nb_code_prompt_hide"):
        config[name] = say(config[name])


def setup(app: Sphinx) -> dict[str, Any]:
    """Runs before anything reads the configuration."""
    app.connect("config-inited", speak, priority=100)
    return {"parallel_read_safe": True}
