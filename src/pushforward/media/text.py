"""Text: a sentence a line."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from html import escape
from pathlib import Path

from torch import Tensor

from ..core.vocabulary import Vocabulary
from .medium import Medium, attribute


class Text(Medium):
    """Tokens (n, length) that are sentences of `vocabulary`."""

    noun, suffixes = "sentences", (".txt",)
    most = sys.maxsize

    def __init__(self, vocabulary: Vocabulary):
        self.vocabulary = vocabulary

    def show(self, samples: Tensor) -> str:
        """The sentences, a line for each."""
        lines = self.vocabulary.decode(samples[: self.most].cpu())
        return "".join(f"{line}\n" for line in lines)

    def html(self, samples: Tensor, described: str) -> str:
        """A <pre> of the sentences."""
        return f'<pre aria-label="{attribute(described)}">{escape(self.show(samples))}</pre>'

    def write(self, batches: Iterable[Tensor], path: Path) -> int:
        """Writes the lines, batch by batch."""
        written = 0
        with open(path, "w", encoding="utf-8") as file:
            for batch in batches:
                told = batch[: max(0, self.most - written)]
                file.write(self.show(told))
                written += len(told)
        return written
