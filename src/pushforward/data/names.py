"""Data sets by name, as the command line gives them."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches

from ..core.dataset import Dataset
from . import embedded, folders, pictures, plane, remote, standard, stripes

NAMES: dict[str, Callable[[], Dataset]] = {
    "digits": embedded.digits,
    "mnist": standard.mnist,
    "cifar10": standard.cifar10,
    "bars": stripes.bars,
    "moons": plane.moons,
    "circles": plane.circles,
    "swiss_roll": plane.swiss_roll,
    "gaussians8": plane.gaussians8,
    "gaussians25": plane.gaussians25,
    "checkerboard": plane.checkerboard,
    "pinwheel": plane.pinwheel,
}
PLACES: dict[str, tuple[str, Callable[[str], Dataset]]] = {
    "folder": ("PATH", folders.folder),
    "hub": ("OWNER/NAME", remote.hub),
    "picture": ("PATH", pictures.picture),
}


def find(spec: str) -> Dataset:
    """The data set that `spec` names, with its loader's defaults.

    A name ("digits", "mnist", "moons", ...), "folder:PATH", "hub:OWNER/NAME" or "picture:PATH".
    Raises ValueError for an unknown name, with the nearest ones.

    >>> find("digits").name
    'digits'
    """
    head, colon, rest = spec.partition(":")
    if not colon and head in NAMES:
        return NAMES[head]()
    if head in PLACES:
        what, load = PLACES[head]
        if not rest:
            raise ValueError(f"{spec!r} lacks its {what}: write {head}:{what}")
        return load(rest)
    if head in NAMES:
        raise ValueError(f"{head} takes nothing after its name: write {head!r}, not {spec!r}")
    known = [*NAMES, *(f"{head}:{what}" for head, (what, _) in PLACES.items())]
    near = get_close_matches(head, [*NAMES, *PLACES], n=2, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    raise ValueError(f"no data set is called {spec!r}: {hint}There are {', '.join(known)}")
