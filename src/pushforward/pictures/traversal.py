"""What every latent of a model of images changes, as a film strip."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from ..core.spaces import Pixels
from ..media.images import as_rgb
from .gallery import picture
from .shown import blank
from .traversals import Traversal, walked_in

if TYPE_CHECKING:
    from .notebook import Sheet


@picture
def draw(
    checkpoint: str | None = None,
    rows: int = 8,
    steps: int = 11,
    reach: float = 2.0,
    example: int = 0,
) -> Sheet:
    """What every latent of a model of images changes, as a film strip.

    Args:
        checkpoint: a .safetensors file; None trains the preset beta_sprites.
        rows, steps: of the picture.
        reach: how far to each side, in standard deviations of the prior.
        example: which test example the walks start from.
    """
    return film_strip(*walked_in(checkpoint, rows, steps, reach, example))


def film_strip(walked: Traversal, space: Pixels) -> Sheet:
    """A row for each latent, labelled with its KL."""
    rows, steps = walked.x.shape[:2]
    figure = blank(1 + 0.45 * steps, 0.5 * rows)
    axes = figure.subplots(rows, 1, squeeze=False)[:, 0]
    for axis, x, label in zip(axes, walked.x, walked.labels()):
        axis.imshow(np.concatenate(_framed(x, space), 1), interpolation="nearest")
        axis.set(xticks=[], yticks=[])
        axis.set_ylabel(label, rotation=0, ha="right", va="center", fontsize=8)
        axis.spines[:].set_visible(False)
    return figure


def _framed(x: Tensor, space: Pixels) -> np.ndarray:
    """(batch, height + 1, width + 1, 3), with a grey line between images."""
    return np.pad(as_rgb(x, space), ((0, 0), (0, 1), (0, 1), (0, 0)), constant_values=128)
