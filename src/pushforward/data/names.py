"""Data sets by name, as the command line gives them."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from ..core.catalogue import discover
from ..core.dataset import Dataset
from ..core.spaces import Pixels
from .binarisation import binarised
from .fingerprints import Change, change
from .riff import OTHERS
from .specs import PATHS, SOURCES, divided, instead, understood

BY_SUFFIX = {
    ".npy": "array",
    ".csv": "table",
    ".tsv": "table",
    ".parquet": "table",
    ".tar": "shards",
    ".txt": "text",
    ".wav": "wav",
    ".wave": "wav",
    **dict.fromkeys(OTHERS, "wav"),
}


def find(spec: str, **unless: Any) -> Dataset:
    """The data set that `spec` names, with its loader's defaults unless it says otherwise.

    A name ("digits", "mnist", "sentences", ...), "folder:PATH", "text:PATH", "array:FILE",
    "table:FILE", "sound:PATH", "shards:PATH", "hub:OWNER/NAME" or "picture:PATH", each followed by
    options where one likes: "mnist?binarise=dynamic&labels=True". A path alone is a folder of
    images, or a file whose suffix says what it holds. `unless` are options where the spec says
    nothing of them and the loader has them. What a loader made says in `origin["spec"]` how it is
    found again. Raises ValueError for an unknown name or option, with the nearest ones.

    >>> find("digits?levels=2").space
    Pixels(channels=1, height=8, width=8, levels=2)
    """
    return _loaded(spec, unless)


@contextmanager
def replaced(data: Dataset) -> Iterator[list[str]]:
    """Within it, every loader gives `data` instead of its own; it yields the loaders' names.

    Whoever asks for binarised images gets them, with a warning that says so.
    """
    asked: list[str] = []

    def give(name: str, options: Mapping[str, Any]) -> Dataset:
        if SOURCES[name].alone:
            raise ValueError(f"it is about {name}, and takes no other data")
        asked.append(name)
        how = options.get("binarise")
        if how is None or not isinstance(data.space, Pixels) or data.space.levels == 2:
            return data
        warnings.warn(f"{data.name} is binarised ({how}), as its model wants it", stacklevel=2)
        return binarised(data, how)

    with instead(give):
        yield asked


def recorded(described: Mapping[str, Any]) -> Dataset:
    """The data that a data set's description names, a checkpoint's for instance.

    They are split by the rule of their time: what older versions split by place stays so.
    """
    older = "order" if str(described["spec"]).startswith("wav:") else "shuffled"
    return _loaded(described["spec"], {"rule": described.get("rule", older)})


@dataclass(frozen=True)
class Moved:
    """What differs from a description of an older version, which split data by place."""

    what: str
    before: Any
    now: Any
    test: int

    @property
    def trained_on(self) -> int:
        """How many test examples may have been trained on: nobody knows, so all."""
        return self.test

    def __str__(self) -> str:
        return (
            f"{self.what} was {str(self.before)[:80]} and is now {str(self.now)[:80]}; an older "
            f"version split them by place, so that any of the {self.test:,} test examples may have "
            "been trained on"
        )


def changed(described: Mapping[str, Any], data: Dataset) -> Change | Moved | None:
    """How the data that `recorded` found differ from those described; None where not.

    A description of an older version does not know the examples, but what was counted of them.
    """
    now = data.describe()
    if "examples" in described and "examples" in now:
        return change(described["examples"], now["examples"])
    for what in sorted(described.keys() & now.keys() - {"spec", "name"}):
        if described[what] != now[what]:
            return Moved(what, described[what], now[what], len(data.test))
    return None


def _loaded(spec: str, unless: Mapping[str, Any]) -> Dataset:
    """The data of a spec, with the options `unless` where the spec says nothing of them."""
    head, place, texts = divided(spec)
    if head not in SOURCES:
        discover()  # presets have data sets of their own
    if head not in SOURCES:
        head, place, texts = _by_path(spec, head)
    source = SOURCES[head]
    whole = spec.removeprefix(f"{head}:")
    if texts and source.place in PATHS and whole != spec and Path(whole).expanduser().exists():
        place, texts = whole, {}  # a name that looks as if it had options
    if place is not None and not source.place:
        raise ValueError(f"{head} takes nothing after its name: write {head!r}, not {spec!r}")
    if source.place and not place:
        raise ValueError(f"{spec!r} lacks its {source.place}: write {head}:{source.place}")
    known = inspect.signature(source.load).parameters
    options = {k: v for k, v in unless.items() if k in known}
    options |= understood(head, source.load, texts)
    return source.load(*([place] if source.place else []), **options)


def _by_path(spec: str, head: str) -> tuple[str, str, dict[str, str]]:
    """A path without a name before it, as a spec. Raises ValueError where it is none."""
    _, place, texts = divided(f"path:{spec}")
    path = Path(place or "").expanduser()
    if path.is_dir():
        return "folder", str(path), texts
    if path.is_file() and (kind := BY_SUFFIX.get(path.suffix.lower())) in SOURCES:
        return str(kind), str(path), texts
    if path.is_file():
        raise ValueError(
            f"nobody can tell what {spec!r} holds by its suffix: put folder:, text:, table: or "
            "another of these before it"
        )
    raise _unknown(head, spec)


def _unknown(head: str, spec: str) -> ValueError:
    known = [f"{name}:{s.place}" if s.place else name for name, s in SOURCES.items()]
    near = get_close_matches(head, SOURCES, n=2, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    return ValueError(f"no data set is called {spec!r}: {hint}There are {', '.join(known)}")


def recorded_data(path: Path | str, about: Mapping[str, Any]) -> Dataset:
    """The data that the checkpoint at `path` says of itself that it was trained on.

    A warning tells where they have changed since. Raises ValueError where it names none, and where
    what tests now was trained on then.
    """
    if "spec" not in about:
        what = f"{about['name']!r}, which has no name here" if "name" in about else "no data"
        raise ValueError(f"{path} was trained on {what}: say which data with --data")
    data = recorded(about)
    found = changed(about, data)
    if found is not None and found.trained_on:
        raise ValueError(
            f"the data of {path} have changed: {found}. What it reaches on them says little: "
            f"restore them, or measure all the same with --data {data.origin['spec']}"
        )
    if found is not None:
        warnings.warn(f"the data of {path} have changed: {found}", stacklevel=2)
    return data


def other_data(path: Path | str, about: Mapping[str, Any], spec: str) -> Dataset:
    """The data of a spec; a warning tells where the checkpoint was trained on what tests there."""
    data = find(spec)
    known = "examples" in about and "examples" in data.origin
    found = change(about["examples"], data.origin["examples"]) if known else None
    if found is not None and found.trained_on:
        roughly = "about " if found.about else ""
        warnings.warn(
            f"{path} was trained on {roughly}{found.trained_on:,} of the {found.test:,} test "
            f"examples of {spec}",
            stacklevel=2,
        )
    return data
