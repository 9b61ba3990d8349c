"""MathJax, copied beside the pages so that mathematics is set without a network."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

from pushforward.data import cache_folder

from .failures import CourseError

VERSION = "3.2.2"
DIGEST = "1b9c0a1c44df864e915690558e72adb9cc5203360daefd385084ced3b6c64c09"
PARTS = ("es5/tex-mml-chtml.js", "es5/output/chtml/fonts/woff-v2", "es5/input/tex/extensions")
MISSING = (
    "MathJax is needed to set formulas and comes from npm: install Node.js with npm, or set "
    f"PUSHFORWARD_MATHJAX to the es5 folder of the package mathjax@{VERSION}"
)


def kept() -> Path:
    """Where MathJax is kept once it was fetched."""
    return cache_folder() / f"mathjax-{VERSION}"


def at_hand() -> bool:
    """Whether a build would fetch nothing."""
    return bool(os.environ.get("PUSHFORWARD_MATHJAX")) or kept().exists()


def mathjax() -> Path:
    """The folder with MathJax's files, fetched once unless PUSHFORWARD_MATHJAX names one.

    Raises CourseError where there is neither npm nor a folder.
    """
    named = os.environ.get("PUSHFORWARD_MATHJAX")
    if named:
        return _checked(Path(named))
    if not kept().exists():
        _fetched(kept())
    return kept()


def copied(source: Path, target: Path) -> None:
    """Copies what pages need of MathJax."""
    for part in (Path(part).relative_to("es5") for part in PARTS):
        (target / part).parent.mkdir(parents=True, exist_ok=True)
        if (source / part).is_dir():
            shutil.copytree(source / part, target / part, dirs_exist_ok=True)
        else:
            shutil.copy2(source / part, target / part)


def _checked(folder: Path) -> Path:
    if not (folder / "tex-mml-chtml.js").exists():
        raise CourseError(f"PUSHFORWARD_MATHJAX is {folder}, which has no tex-mml-chtml.js")
    return folder


def _fetched(target: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise CourseError(MISSING)
    with tempfile.TemporaryDirectory() as folder:
        packed = subprocess.run(
            [npm, "pack", "--silent", f"mathjax@{VERSION}"],
            cwd=folder,
            capture_output=True,
            text=True,
        )
        archive = next(Path(folder).glob("*.tgz"), None)
        if packed.returncode or archive is None:
            raise CourseError(f"npm could not fetch mathjax@{VERSION}: {packed.stderr[-300:]}")
        _unpacked(archive, target)


def _unpacked(archive: Path, target: Path) -> None:
    if hashlib.sha256(archive.read_bytes()).hexdigest() != DIGEST:
        raise CourseError(f"{archive.name} from npm is not the file that this course was made with")
    with tempfile.TemporaryDirectory() as folder, tarfile.open(archive) as packed:
        members = [m for m in packed if m.name.startswith(tuple(f"package/{p}" for p in PARTS))]
        packed.extractall(folder, members, filter="data")
        shutil.move(Path(folder) / "package" / "es5", target)
