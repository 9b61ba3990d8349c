"""The folder that Sphinx reads: the lectures as they are, docs/, and the pages of the reference."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pushforward

from .reference import api, docs, overview, systems
from .reference.facts import facts
from .reference.pages import kept
from .settings import LECTURES
from .settings import pages as lectures

REFERENCE = """# Reference

- [A map of all systems](map.md): what each has, as a table to filter.
- [The systems of the catalogue](systems/index.md): a page for each, with its source and numbers.
- [The library's classes and functions](api/index.md), from their docstrings.

```{{toctree}}
:maxdepth: 1
:caption: From the repository

{docs}
```
"""


def staged(source: Path, cache: Path) -> Path:
    """Brings the folder up to date and returns it; a file that did not change keeps its time.

    `cache` is the file that holds what was seen of the models, until the library changes.
    """
    source.mkdir(parents=True, exist_ok=True)
    for lecture in LECTURES.glob("*.md"):
        kept(source / lecture.name, lecture.read_text("utf-8"))
    pages = docs.copied(_folder(source / "docs"))
    listed = "\n".join(f"docs/{page}" for page in pages)
    kept(source / "reference.md", REFERENCE.format(docs=listed))
    _forgotten(source, LECTURES)
    stamp, now = source / "stamp.txt", digest()
    if not stamp.exists() or stamp.read_text("utf-8") != now:
        _generated(source, cache)
        kept(stamp, now)
    return source


def _generated(source: Path, cache: Path) -> None:
    """What is written from the library, which takes longer than to look whether it changed."""
    found = facts(cache)
    kept(source / "map.md", overview.page(found))
    overview.draw(found, source / "map.svg")
    _written(source / "api", api.pages())
    _written(source / "systems", systems.pages(found))


def digest() -> str:
    """A digest of all that the generated pages are written from."""
    found = hashlib.sha256()
    library, course = Path(pushforward.__file__).parent, Path(__file__).parent
    files = [*library.rglob("*.py"), *library.rglob("*.json"), *course.glob("reference/*.py")]
    pictures = [str(name.name) for name in (docs.ROOT / "docs").glob("*.png")]
    for file in sorted(files):
        found.update(file.read_bytes())
    found.update(" ".join([*sorted(pictures), *(page.name for page in lectures())]).encode())
    return found.hexdigest()


def _folder(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    return folder


def _written(folder: Path, pages: dict[str, str]) -> None:
    """Writes the pages of a folder, and drops those that nothing writes any more."""
    for old in {page.stem for page in folder.glob("*.md")} - set(pages):
        (folder / f"{old}.md").unlink()
    for name, text in pages.items():
        kept(folder / f"{name}.md", text)


def _forgotten(source: Path, lectures: Path) -> None:
    """Drops lectures that were renamed."""
    for page in source.glob("[0-9][0-9]-*.md"):
        if not (lectures / page.name).exists():
            page.unlink()
