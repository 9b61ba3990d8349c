"""A figure that a notebook shows. Importing this imports matplotlib."""

from __future__ import annotations

import io

from matplotlib.figure import Figure

DPI = 110


class Sheet(Figure):
    """A figure that belongs to nobody but its holder, as pyplot's do not."""

    def png(self) -> bytes:
        """The content of its PNG file."""
        buffer = io.BytesIO()
        self.savefig(buffer, format="png", dpi=DPI)
        return buffer.getvalue()

    def _repr_png_(self) -> bytes:
        """What a notebook shows where a cell ends with the figure."""
        return self.png()
