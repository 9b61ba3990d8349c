"""Points in the plane: a picture of where they lie."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from .images import WRITTEN, content, enlarged, inline
from .medium import Medium, first

if TYPE_CHECKING:
    from PIL.Image import Image

SIZE, MOST = 300, 100_000  # of the picture, in pixels; points in it


class Points(Medium):
    """Points (n, 2) as a picture that is darker where there are more."""

    noun, suffixes = "points", tuple(WRITTEN)
    most = MOST

    def show(self, samples: Tensor) -> Image:
        """The picture of the first 100,000 points."""
        return cloud(samples[: self.most])

    def html(self, samples: Tensor, described: str) -> str:
        """An <img> that carries the picture."""
        return inline(self.show(samples), described)

    def write(self, batches: Iterable[Tensor], path: Path) -> int:
        """Writes the picture."""
        shown = first(batches, self.most)
        path.write_bytes(content(self.show(shown), path))
        return len(shown)


def cloud(x: Tensor, reach: float | None = None) -> Image:
    """Points (n, 2) on a square round 0, darker where there are more.

    It ends at `reach`, by default a little beyond nearly all points. Raises ValueError for other
    data, or none.
    """
    if x.dim() != 2 or x.shape[1] != 2 or len(x) == 0:
        raise ValueError(
            f"points in the plane are of shape (n, 2), n at least 1, not {tuple(x.shape)}"
        )
    found = x.detach().double().cpu()
    reach = reach or float(found.abs().quantile(0.999)) * 1.1 or 1.0
    edges = np.linspace(-reach, reach, SIZE + 1)
    ink, _, _ = np.histogram2d(found[:, 0].numpy(), found[:, 1].numpy(), bins=[edges, edges])
    ink = _dots(ink)
    shade = 255 - (255 * (ink / max(1.0, ink.max())) ** 0.5).astype(np.uint8)
    return enlarged(np.repeat(shade.T[::-1, :, None], 3, 2), 1)


def _dots(ink: np.ndarray) -> np.ndarray:
    """Every point as a dot three pixels wide, so that a single one is seen."""
    wide = np.pad(ink, 1)
    n = len(ink)
    return np.stack([wide[i : i + n, j : j + n] for i in range(3) for j in range(3)]).sum(0)
