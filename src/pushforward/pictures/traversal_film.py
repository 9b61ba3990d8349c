"""What every latent of a model of images changes, as a film in which all move at once."""

from __future__ import annotations

import io

from ..core.spaces import Pixels
from .gallery import picture
from .grids import grid
from .traversals import Traversal, walked_in


@picture
def draw(
    checkpoint: str | None = None,
    rows: int = 10,
    steps: int = 15,
    reach: float = 2.0,
    example: int = 0,
) -> bytes:
    """The same as a GIF, in which all latents move at once."""
    return film(*walked_in(checkpoint, rows, steps, reach, example))


def film(walked: Traversal, space: Pixels, columns: int = 5, milliseconds: int = 120) -> bytes:
    """A GIF: all latents move at once, each in an image of its own, there and back."""
    from PIL import Image

    steps = [*range(walked.x.shape[1]), *range(walked.x.shape[1] - 2, 0, -1)]
    frames = [
        Image.open(io.BytesIO(grid(walked.x[:, t], space, columns, 3))).convert("P") for t in steps
    ]
    buffer = io.BytesIO()
    frames[0].save(
        buffer, "GIF", save_all=True, append_images=frames[1:], duration=milliseconds, loop=0
    )
    return buffer.getvalue()
