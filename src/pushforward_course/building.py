"""The site, by Sphinx: lectures that run, their slides, and what failed in words."""

from __future__ import annotations

import hashlib
import io
import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pushforward

from . import running, settings
from .failures import CourseError
from .mathjax import mathjax
from .staging import staged

NEEDED = ("sphinx", "myst_nb", "furo", "sphinx_proof", "bs4", "ipykernel")


def built(out: Path, lecture: int | None = None, quiet: bool = False, language: str = "en") -> Path:
    """Builds the site under `out` and returns its first page.

    Raises CourseError where the extra is missing, there is no such lecture, a cell fails, or Sphinx
    warns: a reference that leads nowhere fails the build.
    """
    _ready(lecture)
    locale = _catalogues(out.absolute(), language)
    cache = out.absolute() / "cache"
    out = out.absolute() / ("" if language == "en" else language)
    chosen = settings.settings(mathjax(), cache / f"cells-{_library()}", lecture)
    chosen |= settings.in_language(language, locale)
    warnings = io.StringIO()
    source = staged(out / "source", cache / f"facts-{_library()}.json")
    _kernels_are_ours()
    _cells(source, out, chosen, lecture, quiet)
    _run(source, out, chosen, warnings, quiet)
    if warnings.getvalue():
        raise CourseError("the course has loose ends:\n" + warnings.getvalue())
    return out / "html" / "index.html"


def _ready(lecture: int | None) -> None:
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise CourseError(
            f"building needs {', '.join(missing)}: run `pip install 'pushforward[course]'`"
        )
    numbers = [settings.number(page) for page in settings.pages()]
    if lecture is not None and lecture not in numbers:
        raise CourseError(f"there is no lecture {lecture}: there are {numbers}")


def _catalogues(out: Path, language: str) -> Path:
    """Where translations were compiled. Raises CourseError for a language that there is not."""
    from . import words

    if language not in words.LANGUAGES:
        known = ", ".join(words.LANGUAGES)
        raise CourseError(f"there is no language {language!r}: there are {known}")
    return words.compiled(out / "locale")


def _cells(
    source: Path, out: Path, chosen: dict[str, Any], lecture: int | None, quiet: bool
) -> None:
    """Runs the cells that Sphinx will look for, and tells how long each took."""
    asked = [p for p in settings.pages() if lecture is None or settings.number(p) == lecture]
    pages = [source / page.name for page in asked]
    cache = Path(chosen["nb_execution_cache_path"])
    times = running.run(pages, cache, chosen["myst_enable_extensions"], quiet)
    told = running.report(times, out)
    if not quiet:
        print(told)


def _run(
    source: Path, out: Path, chosen: dict[str, Any], warnings: io.StringIO, quiet: bool
) -> None:
    from myst_nb.core.execute.base import ExecutionError
    from sphinx.application import Sphinx
    from sphinx.errors import SphinxError

    try:
        app = Sphinx(
            str(source),
            None,
            str(out / "html"),
            str(out / "doctrees"),
            "html",
            confoverrides=chosen,
            status=None if quiet else sys.stdout,
            warning=warnings,
        )
        app.build()
    except (ExecutionError, SphinxError) as error:
        raise CourseError(str(error)) from error


def _kernels_are_ours() -> None:
    """Cells run in this interpreter and import this library, whatever else is installed."""
    root = str(Path(pushforward.__file__).parent.parent)
    paths = [root, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    os.environ["PYTHONPATH"] = os.pathsep.join(os.path.abspath(path) for path in paths)
    os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"
    os.environ["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"


def _library() -> str:
    """A digest of the library's source: cells are run again when it changes."""
    root = Path(pushforward.__file__).parent
    digest = hashlib.sha256()
    for file in sorted([*root.rglob("*.py"), Path(__file__).parent / "touch.py"]):
        digest.update(file.relative_to(root.parent).as_posix().encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()[:12]
