"""What our own extensions print, in the language that is built.

`say("Answer")` is the word of the catalogue `locale/LANGUAGE/LC_MESSAGES/course.po`, or the word
itself: in English, and where nothing was translated. Catalogues are compiled when a site is built.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

LOCALE = Path(__file__).parent / "locale"
LANGUAGES = ("en", *sorted(folder.name for folder in LOCALE.iterdir() if folder.is_dir()))
CATALOGUE = "course"


def say(text: str) -> str:
    """The text in the language of the build; the text itself where there is no Sphinx to build."""
    if find_spec("sphinx") is None:
        return text
    from sphinx.locale import get_translation

    return str(get_translation(CATALOGUE)(text))


def compiled(folder: Path) -> Path:
    """Writes every catalogue, .po beside .mo, below `folder`; returns it."""
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import read_po

    for source in sorted(LOCALE.rglob("*.po")):
        target = folder / source.relative_to(LOCALE)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(source.read_bytes())
        with source.open("rb") as po, target.with_suffix(".mo").open("wb") as mo:
            write_mo(mo, read_po(po))
    return folder
