"""Who owns a place on the disk: locks that end with their process, and what is swept after it.

A lock is the system's (`flock`), so a process that was killed owns nothing any more, and nobody has
to guess from its number whether it lives. Where a system has no such locks, nobody is refused, and
only what is older than a day is swept.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

try:
    import fcntl
except ImportError:  # not a Unix
    fcntl = None  # type: ignore[assignment]

PREFIX, OWNER = ".part-", "owner"
FRESH, DAY = 60, 24 * 3_600  # seconds in which a folder may wait for its owner; seconds of a day


class Occupied(OSError):
    """A place that another process owns; the message says who, and since when."""


@contextmanager
def owned(file: Path, what: str) -> Iterator[None]:
    """Within it this process alone owns `what`, which `file` stands for; the file goes afterwards.

    Raises Occupied where another process owns it, OSError where the file cannot be written.
    """
    handle = _claim(file)
    if handle is None:
        raise Occupied(f"{what} is in use {_told(file)}: wait for its end, or choose another place")
    try:
        os.truncate(handle, 0)
        with suppress(OSError):  # a full disk: the lock counts, not what it says
            os.write(handle, _record())
        yield
    finally:
        file.unlink(missing_ok=True)
        os.close(handle)


@contextmanager
def scratch(parent: Path) -> Iterator[Path]:
    """A new folder in `parent`, for what is renamed when it is whole; it goes afterwards.

    What earlier processes left there, because they were killed, goes now.
    """
    sweep(parent)
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
    try:
        with owned(folder / OWNER, str(folder)):
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def sweep(parent: Path) -> list[Path]:
    """Removes the scratch folders in `parent` that no living process owns, and returns them."""
    found = [folder for folder in parent.glob(f"{PREFIX}*") if is_abandoned(folder)]
    for folder in found:
        shutil.rmtree(folder, ignore_errors=True)
    return found


def is_abandoned(folder: Path) -> bool:
    """Whether no living process owns a scratch folder."""
    with suppress(OSError):  # it went in between, or is another user's
        age = time.time() - folder.stat().st_mtime
        if fcntl is None or not (folder / OWNER).exists():
            return age > (DAY if fcntl is None else FRESH)
        handle = os.open(folder / OWNER, os.O_RDWR)
        try:
            return _lock(handle)
        finally:
            os.close(handle)
    return False


def _claim(file: Path) -> int | None:
    """A descriptor of the file, locked; None where another process has it."""
    while True:
        handle = os.open(file, os.O_RDWR | os.O_CREAT, 0o666)
        if not _lock(handle):
            os.close(handle)
            return None
        with suppress(OSError):
            if os.path.samestat(os.fstat(handle), file.stat()):
                return handle
        os.close(handle)  # its last owner removed it before we had the lock


def _lock(handle: int) -> bool:
    """Whether nobody else has the lock, which is ours now."""
    if fcntl is None:
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return True
    return True


def _record() -> bytes:
    owner = {"pid": os.getpid(), "host": socket.gethostname(), "since": time.time()}
    return json.dumps(owner).encode()


def _told(file: Path) -> str:
    """Who owns a place, in words."""
    try:
        owner = json.loads(file.read_text())
        ago = _age(time.time() - float(owner["since"]))
        return f"by process {int(owner['pid'])} on {str(owner['host'])[:60]}, for {ago}"
    except (OSError, ValueError, KeyError, TypeError):  # it is just being written
        return "by another process"


def _age(seconds: float) -> str:
    """A time in its largest unit.

    >>> _age(12.3), _age(200), _age(90_000)
    ('12 seconds', '3 minutes', '25 hours')
    """
    if seconds < 120:
        return f"{max(0, seconds):.0f} seconds"
    return f"{seconds / 60:.0f} minutes" if seconds < 7_200 else f"{seconds / 3_600:.0f} hours"
