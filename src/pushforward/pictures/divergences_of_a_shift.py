"""Divergences of two parallel lines by their distance: which of them say where to go."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from ..theory.disjoint_supports import noisy_lines, parallel_lines
from .gallery import picture
from .shown import blank

if TYPE_CHECKING:
    from .notebook import Sheet


@picture
def draw(reach: float = 3.0) -> Sheet:
    """JSD, TV and W1 of two parallel lines by their distance, without and with noise of 0.5."""
    shift = torch.linspace(-reach, reach, 201, dtype=torch.float64)
    figure = blank(8, 3.2)
    cases = (("disjoint lines", parallel_lines(shift)), ("with noise 0.5", noisy_lines(shift, 0.5)))
    for axis, (title, d) in zip(figure.subplots(1, 2, sharey=True), cases):
        axis.plot(shift, d.wasserstein1, label="W1")
        axis.plot(shift, d.total_variation, label="TV")
        axis.plot(shift, d.jensen_shannon, label="JSD")
        axis.set(title=title, xlabel="distance of the lines")
        axis.legend()
    return figure
