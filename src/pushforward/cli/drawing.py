"""`pushforward draw`: the pictures that explain."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated

from ..core.catalogue import Usage
from ..core.outputs import check_free
from .flags import parse


@dataclasses.dataclass(frozen=True)
class Canvas:
    """Where a picture goes."""

    out: Annotated[str | None, "the file (default: runs/pictures/NAME)"] = None
    force: Annotated[bool, "replace a file that is there already"] = False


def draw(arguments: list[str]) -> None:
    """Draw one of the pictures that explain: pushforward draw NAME [--knob value] [--out FILE]."""
    from ..pictures.gallery import drawing_called, drawings, hang, likely

    if not arguments or arguments[0] in ("-h", "--help"):
        lines = [f"  {k:26}{(v.__doc__ or '').splitlines()[0]}" for k, v in drawings().items()]
        raise Usage("draw what? pushforward draw NAME, one of:\n" + "\n".join(lines))
    name, *flags = arguments
    function = drawing_called(name)
    knobs, canvas = parse(name, function, flags, Canvas, "draw")
    target = Path(canvas.out or f"runs/pictures/{name}")
    given = [value for value in knobs.values() if isinstance(value, str)]
    check_free(likely(target), given, canvas.force)  # before the time is spent
    print(f"wrote {hang(function(**knobs), target, canvas.force)}")
