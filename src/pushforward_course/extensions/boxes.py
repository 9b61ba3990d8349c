"""Boxes of a lecture: what to know before, in short, questions, exercises, pitfalls.

:::{exercise} Title          numbered by lecture; an `answer` inside is hidden
:::{predict} Question        choices, one a line after `:choices:`; a `reveal` inside is hidden
:::{slide} Title             shown as "In short", and on the slides
:::{pitfall} Title           symptom and cure, as a definition list
"""

from __future__ import annotations

from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from ..words import say
from .details import add, details
from .spoken import translatable


class Box(SphinxDirective):
    """A titled box around its content."""

    has_content = True
    optional_arguments = 1
    final_argument_whitespace = True
    option_spec: ClassVar[dict[str, Any]] = {"label": directives.unchanged}
    kind = "box"
    opening = ""

    def run(self) -> list[nodes.Node]:
        """The box, with its title as the first paragraph."""
        box = nodes.container(classes=["course-box", self.kind])
        self.add_name_to(box)
        box += self.title()
        for node in self.inside():
            box += node
        return [box]

    def add_name_to(self, box: nodes.Element) -> None:
        """Makes the box a target of references, where it has a label."""
        label = self.options.get("label")
        if label:
            box["names"].append(label)
            self.state.document.note_explicit_target(box, box)

    def title(self) -> nodes.Node:
        """Kind and title, in one line."""
        title = nodes.paragraph(classes=["box-title"])
        if self.opening:
            title += nodes.inline(text=say(self.opening), classes=["box-kind"])
        if self.arguments:
            title += nodes.Text(" ")
            title += translatable(self, self.arguments[0])
        return title

    def inside(self) -> list[nodes.Node]:
        """The content."""
        return self.parse_content_to_nodes()


class Slide(Box):
    """What a hall sees of a section."""

    kind = "slide"
    option_spec: ClassVar[dict[str, Any]] = {
        "label": directives.unchanged,
        "plain": directives.flag,
    }

    def title(self) -> nodes.Node:
        """The title, after "In short" unless it is plain."""
        self.opening = "" if "plain" in self.options else "In short."
        return super().title()


class Pitfall(Box):
    """Something seen in practice: symptom, cause, cure."""

    kind = "pitfall"
    opening = "Pitfall."


class Exercise(Box):
    """A numbered exercise; its label is made of the lecture's and its own number."""

    kind = "exercise"
    option_spec: ClassVar[dict[str, Any]] = {
        "label": directives.unchanged,
        "level": directives.unchanged,
    }

    def title(self) -> nodes.Node:
        """Number, level and title."""
        count = int(self.env.temp_data.get("exercises") or 0) + 1
        self.env.temp_data["exercises"] = count
        lecture = self.env.docname.split("-")[0].lstrip("0")
        level = self.options.get("level")
        number = f"{say('Exercise')} {lecture}.{count}"
        self.opening = number + (f" · {say(level)}." if level else ".")
        return super().title()


class Predict(Box):
    """A question before its answer; a choice is marked and opens what is hidden."""

    kind = "predict"
    opening = "Predict, then look."
    option_spec: ClassVar[dict[str, Any]] = {
        "label": directives.unchanged,
        "choices": directives.unchanged_required,
        "right": directives.positive_int,
    }

    def inside(self) -> list[nodes.Node]:
        """The question with its choices before what they reveal."""
        content = self.parse_content_to_nodes()
        if "choices" not in self.options:
            return content
        texts = [text.strip() for text in self.options["choices"].split("|")]
        right = self.options.get("right", 0)
        if not 1 <= right <= len(texts):
            raise self.error(f"right must name one of {len(texts)} choices, not {right}")
        choices = nodes.container(classes=["choices"])
        for n, text in enumerate(texts, 1):
            choice = nodes.paragraph(classes=["choice", "right" if n == right else "wrong"])
            choice += translatable(self, text)
            choices += choice
        hidden = [n for n in content if isinstance(n, details)]
        return [*(n for n in content if n not in hidden), choices, *hidden]


class Hidden(SphinxDirective):
    """Content that is closed until somebody opens it."""

    has_content = True
    kind = "answer"
    summary = "Answer"

    def run(self) -> list[nodes.Node]:
        """A details element."""
        node = details(summary=say(self.summary), kind=self.kind)
        node += self.parse_content_to_nodes()
        return [node]


class Reveal(Hidden):
    """What a prediction is compared with."""

    kind = "reveal"
    summary = "Look"


def setup(app: Sphinx) -> dict[str, Any]:
    """Registers the directives."""
    add(app)
    boxes = {"slide": Slide, "pitfall": Pitfall, "exercise": Exercise, "predict": Predict}
    for name, directive in {**boxes, "answer": Hidden, "reveal": Reveal}.items():
        app.add_directive(name, directive)
    return {"parallel_read_safe": True}
