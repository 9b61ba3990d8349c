"""What every latent of a model of images changes, as a film in which all move at once."""

from __future__ import annotations

from ..core.spaces import Pixels
from .films import film
from .gallery import picture
from .shown import Film
from .traversals import Traversal, walked_in


@picture
def draw(
    checkpoint: str | None = None,
    rows: int = 10,
    steps: int = 15,
    reach: float = 2.0,
    example: int = 0,
) -> Film:
    """What every latent of a model of images changes, all at once, each in an image of its own."""
    return there_and_back(*walked_in(checkpoint, rows, steps, reach, example))


def there_and_back(walked: Traversal, space: Pixels) -> Film:
    """All latents move at once, each in an image of its own, up and down again."""
    steps = [*range(walked.x.shape[1]), *range(walked.x.shape[1] - 2, 0, -1)]
    return film([walked.x[:, t] for t in steps], space, columns=5, scale=3)
