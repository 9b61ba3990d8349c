"""How samples are shown to a person and written to a file: one medium a file.

What the samples of a model are is told by its space and by what is known of its data: `Tokens` with
a rate are sounds, with words they are text.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..core.spaces import Pixels, Reals, Space, Tokens
from ..core.vocabulary import Vocabulary
from .images import Images
from .medium import Medium
from .points import Points
from .sounds import Sounds
from .tables import Table
from .text import Text


def medium_of(space: Space, about: Mapping[str, Any] | None = None) -> Medium:
    """The medium of data of `space`; `about` is what their data set, or a checkpoint, says of them.

    >>> medium_of(Tokens(8, 256), {"rate": 8_000}).suffix, medium_of(Tokens(8, 256)).suffix
    ('.wav', '.csv')
    """
    known = about or {}
    if isinstance(space, Pixels):
        return Images(space)
    if isinstance(space, Tokens) and "rate" in known:
        return Sounds(space, known["rate"])
    if isinstance(space, Tokens) and "words" in known:
        return Text(Vocabulary.recorded(known))
    if isinstance(space, Reals) and space.shape == (2,):
        return Points()
    return Table(space, known.get("columns", ()))
