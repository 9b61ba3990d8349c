"""Tables: a datum a line, for data that are neither seen nor heard nor read."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from html import escape
from pathlib import Path

from torch import Tensor

from ..core.spaces import Space
from .medium import Medium, attribute

LINES, NUMBERS = 10_000, 2**20  # in a file, at most
SHOWN = 8  # lines and columns of what is shown


class Table(Medium):
    """Data of any space as comma-separated numbers, each datum in the order of its memory."""

    noun, suffixes = "tables", (".csv",)

    def __init__(self, space: Space, columns: Sequence[str] = ()):
        self.space = space
        known = len(columns) == space.dims
        self.columns = list(columns) if known else [f"x{i}" for i in range(space.dims)]

    @property
    def most(self) -> int:
        """10,000 lines, or as many as 2^20 numbers fill."""
        return max(1, min(LINES, NUMBERS // self.space.dims))

    def show(self, samples: Tensor) -> str:
        """The first numbers of the first data, in columns."""
        lines = [[*self._heads(), *self._more()], *self._lines(samples)]
        return "\n".join(" ".join(f"{cell:>10}" for cell in line) for line in lines) + "\n"

    def html(self, samples: Tensor, described: str) -> str:
        """A <table> of the same."""
        names = map(escape, (*self._heads(), *self._more()))
        heads = "".join(f'<th scope="col">{name}</th>' for name in names)
        rows = "".join(
            f"<tr>{''.join(f'<td>{cell}</td>' for cell in line)}</tr>"
            for line in self._lines(samples)
        )
        return (
            f'<table aria-label="{attribute(described)}"><thead><tr>{heads}</tr></thead>'
            f"<tbody>{rows}</tbody></table>"
        )

    def write(self, batches: Iterable[Tensor], path: Path) -> int:
        """Writes a line of names and a line for each datum, batch by batch."""
        written = 0
        with open(path, "w", encoding="utf-8") as file:
            csv.writer(file, lineterminator="\n").writerow(self.columns)
            for batch in batches:
                told = batch[: max(0, self.most - written)]
                # numpy writes the shortest number that is read as the same one
                for line in told.flatten(1).cpu().numpy().astype(str).tolist():
                    print(",".join(line), file=file)
                written += len(told)
        return written

    def _heads(self) -> list[str]:
        return self.columns[:SHOWN]

    def _more(self) -> list[str]:
        return ["…"] * (self.space.dims > SHOWN)

    def _lines(self, samples: Tensor) -> Iterator[list[str]]:
        for line in samples[:SHOWN].flatten(1)[:, :SHOWN].tolist():
            yield [*map(_number, line), *self._more()]


def _number(value: float) -> str:
    """A number in few letters.

    >>> _number(31), _number(0.1 + 1e-9), _number(-2.5)
    ('31', '0.1', '-2.5')
    """
    return str(value) if isinstance(value, int) else f"{value:.4g}"
