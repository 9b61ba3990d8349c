"""What students hand in: `.py`, `.ipynb`, or a zip of one, read without running or unpacking it."""

from __future__ import annotations

import hashlib
import io
import os
import re
import stat
import zipfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from .masters import PLACE
from .percent import Cell, NotReadable, from_notebook, from_percent

MOST = 4 << 20  # bytes
ENDINGS = (".py", ".ipynb")
DEFINED = re.compile(r"^(?:async[ \t]+)?def[ \t]+(\w+)", re.M)
ANSWERED = re.compile(r"\*\*Answer to ([\w-]+)\*\*[ \t:.]*(.*)", re.S)
HOMEWORK = re.compile(r"pushforward-course homework (\w+)")
HINT = re.compile(r"pushforward-course hint ([\w-]+) (\d+)")
Calls = Mapping[str, tuple[str, ...]]


@dataclass
class Submission:
    """A student's file: its cells, or why there are none."""

    student: str
    file: str
    cells: list[Cell] = field(default_factory=list)
    digest: str = ""
    complaint: str = ""

    @property
    def code(self) -> list[str]:
        """The code cells, as the worker runs them: their module is called `submission`."""
        return [cell.text for cell in self.cells if not cell.markdown]

    @property
    def defined(self) -> Counter[str]:
        """How often each function is defined at the top of a cell."""
        return Counter(name for code in self.code for name in DEFINED.findall(code))

    @property
    def answers(self) -> dict[str, str]:
        """What was written beside tasks, by task; blank answers are left out."""
        texts = [cell.text for cell in self.cells if cell.markdown]
        found = {m[1]: m[2].replace(PLACE, "").strip() for m in map(ANSWERED.search, texts) if m}
        return {name: text for name, text in found.items() if text}

    @property
    def hints(self) -> dict[str, int]:
        """How many hints were taken for each task."""
        taken: dict[str, int] = {}
        for cell in self.cells:
            for name, number in HINT.findall(cell.text):
                taken[name] = max(taken.get(name, 0), min(int(number[:3]), 99))
        return taken


def read(path: Path) -> Submission:
    """Reads a submission; what is wrong with it stands in its `complaint`."""
    name = os.fsencode(path.name).decode("utf-8", "replace")
    found = Submission(Path(name).stem, name)
    try:
        content, ending = _content(path)
        found.digest = hashlib.sha256(content).hexdigest()
        found.cells = _cells(content, ending)
    except (NotReadable, OSError) as error:
        found.complaint = (
            f"{name} {error}" if isinstance(error, NotReadable) else _told(name, error)
        )
    return found


def _told(name: str, error: OSError) -> str:
    return f"{name} could not be read ({error.strerror}): hand it in again"


def _content(path: Path) -> tuple[bytes, str]:
    """Bytes of the file, or of the one file in a zip, and their kind."""
    status = path.lstat()
    if not stat.S_ISREG(status.st_mode):
        raise NotReadable("is a link or no file: hand in the file itself")
    if status.st_size > MOST:
        raise NotReadable(f"has more than {MOST >> 20} MB: clear the outputs and save it again")
    content, ending = path.read_bytes(), path.suffix.lower()
    if ending == ".zip":
        content, ending = _unzipped(content)
    if ending not in ENDINGS:
        raise NotReadable("is neither .py nor .ipynb, nor a zip of one")
    return content, ending


def _unzipped(content: bytes) -> tuple[bytes, str]:
    """The one homework in a zip, read in memory: its names are never used as paths."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            inside = [i for i in archive.infolist()[:1_000] if _is_homework(i.filename)]
            if len(inside) != 1:
                raise NotReadable(f"holds {len(inside)} homeworks: put one .py or .ipynb in a zip")
            with archive.open(inside[0]) as member:
                found = member.read(MOST + 1)
    except (
        zipfile.BadZipFile,
        RuntimeError,
        NotImplementedError,
        EOFError,
        OSError,
        ValueError,
    ) as e:
        if isinstance(e, NotReadable):
            raise
        raise NotReadable(
            "is no whole zip that can be read: zip it again, without a password"
        ) from e
    if len(found) > MOST:
        raise NotReadable(f"unpacks to more than {MOST >> 20} MB")
    return found, Path(inside[0].filename).suffix.lower()


def _is_homework(name: str) -> bool:
    base = name.replace("\\", "/").rsplit("/", 1)[-1]
    hidden = base.startswith(".") or "__MACOSX" in name
    return base.lower().endswith(ENDINGS) and not hidden


def _cells(content: bytes, ending: str) -> list[Cell]:
    if not content.strip():
        raise NotReadable("is empty")
    try:
        text = content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise NotReadable(f"is not UTF-8 (byte {error.start}): save it as UTF-8") from None
    if "\0" in text:
        raise NotReadable("holds zero bytes, which no text does")
    cells = from_notebook(text) if ending == ".ipynb" else from_percent(text)
    if not cells:
        raise NotReadable("has no cells that hold anything")
    return cells


def wrong_homework(submission: Submission, name: str, every: Calls) -> str:
    """Which homework it seems to be, where it is another than `name`; empty where not.

    every: the functions of each homework.
    """
    marked = {m for cell in submission.cells for m in HOMEWORK.findall(cell.text)}
    if marked:
        return "" if name in marked else min(marked)
    hits = {other: len(set(calls) & submission.defined.keys()) for other, calls in every.items()}
    best = max(hits, key=lambda other: (hits[other], other == name), default=name)
    return "" if hits.get(best, 0) == 0 or best == name else best
