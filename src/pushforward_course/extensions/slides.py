"""After the pages are written: their slides, and MathJax beside them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

from ..decks import deck
from ..mathjax import copied
from ..words import say


def write(app: Sphinx, failure: Exception | None) -> None:
    """Writes slides/LECTURE.html for every lecture's page."""
    if failure is not None or app.builder.name != "html":
        return
    out = Path(app.outdir)
    copied(Path(app.config.course_mathjax), out / "_static" / "mathjax")
    (out / "slides").mkdir(exist_ok=True)
    for page in sorted(out.glob("[0-9][0-9]-*.html")):
        text = page.read_text("utf-8")
        slides = deck(page.stem, text)
        page.write_text(linked(page.name, text), "utf-8")
        (out / "slides" / page.name).write_text(slides, "utf-8")


def linked(name: str, text: str) -> str:
    """A page with a link to its slides under the title."""
    said = say("Slides of this lecture")
    link = f'<p class="deck-link"><a href="slides/{name}">{said}</a></p>'
    return text if link in text else text.replace("</h1>", f"</h1>\n{link}", 1)


def setup(app: Sphinx) -> dict[str, Any]:
    """Runs when the build has ended."""
    app.add_config_value("course_mathjax", "", "html")
    app.connect("build-finished", write)
    return {"parallel_read_safe": True}
