"""What there is to translate: `python -m pushforward_course.messages` writes a .pot a lecture."""

from __future__ import annotations

import sys
from pathlib import Path

from . import settings


def extracted(out: Path, page: str | None = None) -> list[Path]:
    """Writes the messages of all pages, or of one, below `out`; returns the files.

    No cell is run.
    """
    from sphinx.application import Sphinx
    from sphinx.util.docutils import docutils_namespace

    chosen = settings.settings(Path(), out / "cache", None) | {"nb_execution_mode": "off"}
    chosen |= {"gettext_compact": False, "locale_dirs": [], "gettext_location": False}
    if page is not None:
        chosen |= {"include_patterns": [f"{page}.md"], "root_doc": page}
    folders = (str(settings.LECTURES), None, str(out), str(out / "doctrees"))
    with docutils_namespace():
        Sphinx(*folders, "gettext", confoverrides=chosen, status=None, warning=None).build()
    return sorted(out.glob("*.pot"))


if __name__ == "__main__":
    for file in extracted(Path(sys.argv[-1] if len(sys.argv) > 1 else "runs/messages").absolute()):
        print(file)
