"""Where results go: never over what they are made from, and over other files by force alone."""

from __future__ import annotations

import mimetypes
from collections.abc import Iterable
from pathlib import Path

from .catalogue import Usage

OTHERS = (".safetensors", ".npz", ".parquet", ".pt", ".pth", ".ckpt", ".flac", ".ogg")
"""Endings of files that Python's own list lacks."""


def check_free(targets: Iterable[Path], inputs: Iterable[str | Path], force: bool) -> None:
    """Raises Usage where a target is one of the inputs, a folder, or there already without
    `force`.
    """
    sources = [Path(path).expanduser() for path in inputs]
    for target in targets:
        if any(_same(target, source) for source in sources):
            raise Usage(f"{target} is what this is made from: choose another --out")
        if target.is_dir():
            raise Usage(f"{target} is a folder: name a file in it")
        if target.exists() and not force:
            raise Usage(f"{target} exists: give --force to replace it, or choose another --out")


def _same(target: Path, source: Path) -> bool:
    """Whether two names are of one file, through links as well."""
    try:
        return target.samefile(source)
    except OSError:
        return target.resolve() == source.resolve()


def ending(target: Path, known: Iterable[str], what: str) -> str:
    """The suffix of a file in lower case, where it is one of the `known`; empty where it is none.

    Raises Usage for the suffix of another kind of file, in which `what` cannot be written. What no
    file is called by (the .5 of t_0.5) is none.

    >>> [ending(Path(name), (".png", ".jpg"), "images") for name in ("a.JPG", "t_0.5")]
    ['.jpg', '']
    """
    suffix, known = target.suffix.lower(), tuple(known)
    if suffix in known:
        return suffix
    types = mimetypes.MimeTypes()  # Python's own list, not the machine's
    if suffix in OTHERS or types.guess_type(f"a{suffix}") != (None, None):
        raise Usage(
            f"{what} cannot be written as {target.suffix}: {target.name} must end in "
            f"{', '.join(known)}"
        )
    return ""
