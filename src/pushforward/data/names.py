"""Data sets by name, as the command line gives them."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from ..core.catalogue import discover
from ..core.dataset import Dataset
from .specs import SOURCES, divided, understood


def find(spec: str) -> Dataset:
    """The data set that `spec` names, with its loader's defaults unless it says otherwise.

    A name ("digits", "mnist", "sentences", ...), "folder:PATH", "text:PATH", "hub:OWNER/NAME" or
    "picture:PATH", each followed by options where one likes: "mnist?binarise=dynamic&labels=True".
    What a loader made says in `origin["spec"]` how it is found again. Raises ValueError for an
    unknown name or option, with the nearest ones.

    >>> find("digits?levels=2").space
    Pixels(channels=1, height=8, width=8, levels=2)
    """
    head, place, texts = divided(spec)
    if head not in SOURCES:
        discover()  # presets have data sets of their own
    if head not in SOURCES:
        raise _unknown(head, spec)
    source = SOURCES[head]
    if place is not None and not source.place:
        raise ValueError(f"{head} takes nothing after its name: write {head!r}, not {spec!r}")
    if source.place and not place:
        raise ValueError(f"{spec!r} lacks its {source.place}: write {head}:{source.place}")
    options = understood(head, source.load, texts)
    return source.load(*([place] if source.place else []), **options)


def _unknown(head: str, spec: str) -> ValueError:
    known = [f"{name}:{s.place}" if s.place else name for name, s in SOURCES.items()]
    near = get_close_matches(head, SOURCES, n=2, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    return ValueError(f"no data set is called {spec!r}: {hint}There are {', '.join(known)}")


def recorded_data(path: Path | str, about: Mapping[str, Any]) -> Dataset:
    """The data that the checkpoint at `path` says of itself that it was trained on.

    Raises ValueError where it names none.
    """
    if "spec" not in about:
        what = f"{about['name']!r}, which has no name here" if about else "no data"
        raise ValueError(f"{path} was trained on {what}: say which data with --data")
    return find(about["spec"])
