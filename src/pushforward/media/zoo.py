"""The zoo: checkpoints that were trained and measured already, by name.

`zoo.json` beside this file lists them with the SHA-256 of each file. The files themselves are not
part of the package: they are looked for in the folder PUSHFORWARD_ZOO, in `zoo/` of a checkout, and
in the cache, where they come from a repository of the hub when they are first asked for.
"""

from __future__ import annotations

import functools
import json
import os
from difflib import get_close_matches
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple

from ..core.catalogue import Usage
from ..core.checkpoint import CheckpointError, load
from ..data.cache import cache_folder
from ..data.download import Remote
from ..data.parquet import sha256

PREFIX = "zoo:"
INDEX = Path(__file__).with_name("zoo.json")
CHECKOUT = Path(__file__).resolve().parents[3] / "zoo"
REPOSITORY = "pushforward/zoo"
"""Of the hub; PUSHFORWARD_ZOO_REPOSITORY names another."""


class Entry(NamedTuple):
    """A file of the zoo: its SHA-256 and its size in bytes."""

    sha256: str
    bytes: int


@functools.cache
def entries() -> dict[str, Entry]:
    """What the zoo has, by name."""
    return {name: Entry(**about) for name, about in json.loads(INDEX.read_text()).items()}


def is_zoo(name: str | Path) -> bool:
    """Whether `name` is "zoo:" and what the zoo calls something."""
    return str(name).startswith(PREFIX)


def expanded(names: tuple[str, ...] | list[str]) -> list[str]:
    """The names, those of the zoo with * or ? in them as all that fit, in the zoo's order.

    Raises Usage where nothing fits.
    """
    found: list[str] = []
    for name in names:
        if is_zoo(name) and set(name) & set("*?["):
            pattern = name.removeprefix(PREFIX)
            fitting = [PREFIX + known for known in entries() if fnmatchcase(known, pattern)]
            if not fitting:
                raise Usage(f"nothing in the zoo is called {pattern!r}: `pushforward zoo` lists it")
            found += fitting
        else:
            found.append(name)
    return list(dict.fromkeys(found))


def located(name: str | Path) -> Path:
    """The file of a name of the zoo; any other name is a path, and stays as it is.

    Raises Usage for an unknown name (with the nearest), CheckpointError for a file of another
    SHA-256 than the list has, or one that is nowhere and cannot be fetched.
    """
    if not is_zoo(name):
        return Path(name)
    name = str(name).removeprefix(PREFIX)
    if name not in entries():
        near = get_close_matches(name, entries(), n=3, cutoff=0.5)
        raise Usage(
            f"the zoo has no {name!r}"
            + (f": did you mean {' or '.join(near)}?" if near else ": `pushforward zoo` lists it")
        )
    file = f"{name}.safetensors"
    for folder in (os.environ.get("PUSHFORWARD_ZOO"), CHECKOUT, cache_folder() / "zoo"):
        if folder and (path := Path(folder) / file).is_file():
            return _verified(path, entries()[name])
    return _fetched(name, cache_folder() / "zoo" / file)


def _verified(path: Path, entry: Entry) -> Path:
    if (given := sha256(path)) != entry.sha256:
        raise CheckpointError(
            f"{path} has SHA-256 {given}, and this version of pushforward knows it by "
            f"{entry.sha256}: it is of another version, or was changed. Remove it to have it "
            "fetched, check out the zoo/ of this version, or load the file by its path"
        )
    return path


def _fetched(name: str, target: Path) -> Path:
    repository = os.environ.get("PUSHFORWARD_ZOO_REPOSITORY") or REPOSITORY
    entry = entries()[name]
    remote = Remote(repository, "main", target.name, entry.bytes, entry.sha256, "model")
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        return remote.fetch(target)
    except (ConnectionError, ValueError) as error:
        raise CheckpointError(
            f"zoo:{name} is not here, and {error}. The folder zoo/ of pushforward's repository has "
            "it: set PUSHFORWARD_ZOO to a copy of that folder, or try again with a network"
        ) from error


def pretrained(name: str, device: str = "cpu") -> Any:
    """The model that the zoo has by this name ("pixelcnn_mnist"), in eval mode, on `device`.

    Raises Usage for an unknown name, CheckpointError where its file cannot be had.
    """
    return load(located(PREFIX + name.removeprefix(PREFIX)), device)
