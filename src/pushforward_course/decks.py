"""Slides out of a lecture's page: its theorems, formulas, figures and boxes, one after another."""

from __future__ import annotations

import re
from typing import Any

from .words import say

SHOWN = (
    "div.course-box.slide",
    "div.course-box.predict",
    "div.course-box.pitfall",
    "div.code-of",
    "div.proof",
    "figure.frames",
    "figure.align-default",
    "div.cell_output:has(img, figure)",
)
LEFT_OUT = ("exercises", "references", "what-to-read-first")
RELATIVE = ("_static/", "_images/")

PAGE = """<!doctype html>
<html lang="{language}" data-deck>
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}: {said}</title>
<link rel="stylesheet" href="../_static/pygments.css">
<link rel="stylesheet" href="../_static/course.css">
<link rel="stylesheet" href="../_static/deck.css">
<script>{config}</script>
<script defer src="../_static/mathjax/tex-mml-chtml.js"></script>
<script defer src="../_static/course.js"></script>
<script defer src="../_static/deck.js"></script>
</head>
<body>
{slides}
<nav class="deck"><button data-step="-1" aria-label="{back}">‹</button><output></output>
<button data-step="1" aria-label="{on}">›</button><a href="../{page}.html">{text}</a></nav>
</body>
</html>
"""


def deck(page: str, source: str) -> str:
    """The slides of a built page, as one HTML page: a title, then one slide for each part."""
    from bs4 import BeautifulSoup

    soup = BeautifulSoup(source, "html.parser")
    article = soup.select_one("article")
    if article is None:
        raise ValueError(f"{page} has no article")
    title = _heading(article.find("h1"))
    slides = [_slide("", f"<h1>{title}</h1>", "opening")]
    slides += [_slide(heading, str(part)) for heading, part in _parts(article)]
    config = next((s.string for s in soup("script") if "MathJax" in (s.string or "")), "")
    parts = {"title": re.sub("<[^>]+>", "", title), "config": config, "slides": "\n".join(slides)}
    text = PAGE.format(**parts, page=page, **_words(soup))
    for folder in RELATIVE:
        text = text.replace(f'src="{folder}', f'src="../{folder}')
    return text.replace('href="#', f'href="../{page}.html#')


def _words(soup: Any) -> dict[str, str]:
    """What a deck says by itself, in the page's language."""
    language = soup.html.get("lang", "en") if soup.html else "en"
    own = {"said": "slides", "back": "back", "on": "on", "text": "text"}
    return {"language": language, **{name: say(word) for name, word in own.items()}}


def _slide(heading: str, inside: str, kind: str = "") -> str:
    head = f"<h2>{heading}</h2>" if heading else ""
    return f'<section class="card {kind}"><div class="fit">{head}{inside}</div></section>'


def _parts(article: Any) -> list[tuple[str, Any]]:
    """Pairs of a section's heading and a part of it that is shown, outermost parts alone."""
    chosen = article.select(", ".join(SHOWN))
    shown = {id(part) for part in chosen}
    found = []
    for part in chosen:
        section = part.find_parent("section")
        inner = any(id(parent) in shown for parent in part.parents)
        if section is None or inner or _left_out(part) or _is_proof(part):
            continue
        found.append((_heading(section.find(["h1", "h2", "h3"])), _cleaned(part)))
    return found


def _left_out(part: Any) -> bool:
    sections = part.find_parents("section")
    return any(section.get("id") in LEFT_OUT for section in sections)


def _is_proof(part: Any) -> bool:
    """A proof, unlike a theorem, has no title; a hall hears it at the board."""
    return "proof" in part.get("class", []) and part.select_one("p.admonition-title") is None


def _cleaned(part: Any) -> Any:
    for link in part.select("a.headerlink, details.checked, details.hide"):
        link.decompose()
    return part


def _heading(tag: Any) -> str:
    if tag is None:
        return ""
    for link in tag.select("a.headerlink"):
        link.decompose()
    return tag.decode_contents().strip()
