"""The folder of a page: what is written there, and what is not to be replaced unasked."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from ..core.catalogue import Usage

PAGE, OTHERS = "index.html", ("results.json", "results.csv", "results.md", "curves.json")
MARK = '<meta name="generator" content="pushforward">'
"""What says of a page that it is ours, so that the next one may take its place."""


def slug_of(name: str) -> str:
    """The name of a model as a file's name and an anchor: letters, digits and hyphens."""
    return re.sub(r"[^\w]+", "-", name.removesuffix(".safetensors")).strip("-")


def check_folder(folder: Path, names: Sequence[str], force: bool) -> None:
    """Raises Usage where a page of models of these names would replace files that are no page's.

    An earlier page may be replaced, and so may all by `force`.
    """
    if folder.exists() and not folder.is_dir():
        raise Usage(f"{folder} is a file, and a page needs a folder: choose another --out")
    if force or not folder.is_dir() or _is_ours(folder / PAGE):
        return
    stems = {"real", *map(slug_of, names)}
    for path in sorted(folder.iterdir()):
        if path.name in (PAGE, *OTHERS) or path.stem in stems:
            raise Usage(
                f"{path} exists, and is of no page of ours: give --force to replace it, or choose "
                "another --out"
            )


def _is_ours(page: Path) -> bool:
    try:
        return MARK in page.read_text(encoding="utf-8", errors="replace")[:4_096]
    except OSError:
        return False
