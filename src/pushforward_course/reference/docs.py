"""The pages of docs/, as they are in the repository, inside the site."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pushforward

from .pages import kept

ROOT = Path(pushforward.__file__).parents[2]
PICTURE = re.compile(r"!\[([^\]]+)\]\(([\w.-]+)\)")
LINK = re.compile(r"(?<!!)\[([^\]]+)\]\(((?!\w+:|#)[^)]+)\)")


def copied(target: Path) -> list[str]:
    """Copies docs/*.md and its pictures; the names of the pages. None are installed by a wheel."""
    pages = sorted((ROOT / "docs").glob("*.md"))
    for page in pages:
        kept(target / page.name, linked(page.read_text("utf-8"), page.parent))
    for picture in (ROOT / "docs").glob("*.png"):
        if not (target / picture.name).exists() or _newer(picture, target / picture.name):
            shutil.copy2(picture, target / picture.name)
    return [page.stem for page in pages]


def _newer(one: Path, other: Path) -> bool:
    return one.stat().st_mtime > other.stat().st_mtime


def linked(text: str, folder: Path) -> str:
    """The text; links that leave docs/ become the names of the files that they lead to.

    A picture that was not drawn yet becomes its words.
    """

    def told(found: re.Match[str]) -> str:
        target = (folder / found[2].partition("#")[0]).resolve()
        inside = target.parent == folder.resolve() and target.exists()
        return found[0] if inside else f"{found[1]} (`{found[2].lstrip('./')}`)"

    def shown(found: re.Match[str]) -> str:
        return found[0] if (folder / found[2]).exists() else f"*{found[1]}*"

    return PICTURE.sub(shown, LINK.sub(told, text))
