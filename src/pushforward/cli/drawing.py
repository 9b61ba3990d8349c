"""`pushforward draw`: the pictures that explain."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

from ..core import sources
from ..core.catalogue import Usage, nearest
from ..core.outputs import check_free
from .flags import parse


@dataclasses.dataclass(frozen=True)
class Canvas:
    """Where a picture goes."""

    out: Annotated[str | None, "the file (default: runs/pictures/NAME)"] = None
    force: Annotated[bool, "replace a file that is there already"] = False
    as_json: Annotated[bool, "print JSON"] = False


def draw(arguments: list[str]) -> None:
    """Draw one of the pictures that explain: pushforward draw NAME [--knob value] [--out FILE]."""
    known = drawings()
    if not arguments or arguments[0].startswith("-"):
        lines = [f"  {k:26}{(v.__doc__ or '').splitlines()[0]}" for k, v in known.items()]
        told = "pushforward draw NAME, one of:\n" + "\n".join(lines)
        if arguments and arguments[0] in ("-h", "--help"):
            print(told)
            return
        raise Usage(f"draw what? {told}")
    name, *flags = arguments
    if name not in known:
        raise nearest(name, list(known), "picture")
    knobs, canvas = parse(name, known[name], flags, Canvas, "draw")
    from ..pictures.gallery import drawing_called, hang, likely

    target = Path(canvas.out or f"runs/pictures/{name}")
    given = [value for value in knobs.values() if isinstance(value, str)]
    check_free(likely(target), given, canvas.force)  # before the time is spent
    path = hang(drawing_called(name)(**knobs), target, canvas.force)
    print(json.dumps({"file": str(path)}) if canvas.as_json else f"wrote {path}")


def drawings() -> dict[str, Callable]:
    """What is written of every picture: a function of the same knobs that draws nothing."""
    found = {
        Path(function.__code__.co_filename).stem.replace("_", "-"): function
        for _, function, _ in sources.decorated("pictures", "picture")
    }
    return dict(sorted(found.items()))
