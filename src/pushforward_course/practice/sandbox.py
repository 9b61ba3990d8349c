"""Bubblewrap round a submission: no network, no files but Python's own, limits on all it uses.

As root there is no user namespace: the process drops to an unprivileged user of its own, because
limits on processes have no effect in a namespace that root made. Anybody else gets a namespace.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pushforward

from ..failures import CourseError

INSIDE = Path(__file__).parent / "inside"
NEEDED = ("bwrap", "prlimit", "setpriv")
SYSTEM = ("/usr", "/lib", "/lib64", "/bin")
SCRATCH = "/tmp"
FIRST_USER = 200_000
MISSING = (
    "grading runs what students wrote, and needs a sandbox for it: Linux with bubblewrap and "
    "util-linux (`apt-get install bubblewrap util-linux`); {} not found"
)


@dataclass(frozen=True)
class Limits:
    """What a submission may use: bytes of memory, seconds of a core, processes, bytes of files."""

    memory: int = 3 << 30
    cpu: int = 900
    processes: int = 32
    file: int = 10 << 20
    scratch: int = 32 << 20
    files: int = 2_000


FULL = Limits(memory=12 << 30, cpu=20_000)
"""For the full data of tasks that train."""


def refuse_without_one() -> None:
    """Raises CourseError, saying what to install, where no sandbox can be made."""
    missing = [name for name in NEEDED if shutil.which(name) is None]
    if sys.platform != "linux" or missing:
        raise CourseError(MISSING.format(", ".join(missing) or "Linux"))


def command(slot: int, limits: Limits, hidden: Iterable[Path] = ()) -> list[str]:
    """The worker inside a sandbox; `slot` tells workers that run at once apart.

    hidden: folders that must not be seen even where they lie among Python's files.
    """
    root = os.geteuid() == 0
    user = FIRST_USER + os.getpid() % 10_000 * 64 + slot % 64
    walls = [*_namespaces(root), *_environment(), *_files(limits, hidden), *_capabilities(root)]
    inside = [sys.executable, "-I", "-S", "-c", _start()]
    return ["bwrap", *walls, "--", *_bounded(limits), *(_dropped(user) if root else ()), *inside]


def _start() -> str:
    """Python without site packages' `.pth` files: none of them may lead to the library."""
    paths = [path for path in sys.path if path.endswith(("site-packages", "dist-packages"))]
    return (
        f"import sys, runpy; sys.path += {paths!r} + ['/course']; "
        "runpy.run_module('inside.worker', run_name='__main__')"
    )


def _namespaces(root: bool) -> list[str]:
    """All but a view of the network, users and other processes."""
    walls = ["ipc", "pid", "net", "uts", "cgroup-try"]
    unshared = [f"--unshare-{wall}" for wall in walls]
    user = (
        [] if root else ["--unshare-user", "--uid", "65534", "--gid", "65534", "--disable-userns"]
    )
    return [*unshared, *user, "--die-with-parent", "--new-session", "--clearenv"]


def _environment() -> list[str]:
    told = {"PATH": "/usr/bin", "HOME": SCRATCH, "OMP_NUM_THREADS": "1", "LC_ALL": "C.UTF-8"}
    told["MKL_NUM_THREADS"] = told["OPENBLAS_NUM_THREADS"] = "1"
    return [part for name, value in told.items() for part in ("--setenv", name, value)]


def _files(limits: Limits, hidden: Iterable[Path]) -> list[str]:
    """Python's files to read, a small scratch to write, and nothing else."""
    seen = list(_places())
    made = [part for place in seen for part in _bound(place)]
    ours = [Path(pushforward.__file__).parent, Path(__file__).parents[1], *hidden]
    covered = [
        str(folder)
        for folder in (path.resolve() for path in ours)
        if folder.is_dir() and any(folder.is_relative_to(place) for place in seen)
    ]
    scratch = ["--size", str(limits.scratch), "--perms", "1777", "--tmpfs", SCRATCH]
    devices = ["--proc", "/proc", "--dev", "/dev"]
    covers = [part for folder in covered for part in ("--perms", "0000", "--tmpfs", folder)]
    closed = [part for place in ("/dev", *covered, "/") for part in ("--remount-ro", place)]
    inside = [
        "--perms",
        "0755",
        "--dir",
        "/course",
        "--ro-bind",
        str(INSIDE),
        "/course/inside",
        "--chdir",
        SCRATCH,
    ]
    # The scratch first: this Python may lie beneath it, as in a clone under /tmp.
    return [*scratch, *made, *devices, *covers, *inside, *closed]


def _places() -> Iterator[Path]:
    """Where the system and this Python lie."""
    places = [Path(place) for place in SYSTEM]
    site = [path for path in sys.path if path.endswith(("site-packages", "dist-packages"))]
    places += [Path(sys.prefix), Path(sys.base_prefix), *map(Path, site)]
    for place in dict.fromkeys(places):
        within = any(place != other and place.is_relative_to(other) for other in places)
        if place.exists() and not within:
            yield place


def _bound(place: Path) -> list[str]:
    """A folder of the host, read-only. Its parents are made, or only root could enter."""
    if place.is_symlink():
        return ["--symlink", os.readlink(place), str(place)]
    parents = [str(parent) for parent in reversed(place.parents) if str(parent) != "/"]
    made = [part for parent in parents for part in ("--perms", "0755", "--dir", parent)]
    return [*made, "--ro-bind", str(place), str(place)]


def _capabilities(root: bool) -> list[str]:
    kept = ("CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP") if root else ()
    return ["--cap-drop", "ALL", *(part for name in kept for part in ("--cap-add", name))]


def _bounded(limits: Limits) -> list[str]:
    return [
        "/usr/bin/prlimit",
        f"--as={limits.memory}",
        f"--nproc={limits.processes}",
        f"--cpu={limits.cpu}",
        f"--fsize={limits.file}",
        "--nofile=256",
        "--core=0",
    ]


def _dropped(user: int) -> Sequence[str]:
    return (
        "/usr/bin/setpriv",
        *(f"--reuid={user}", f"--regid={user}", "--clear-groups", "--no-new-privs"),
        *("--bounding-set=-all", "--inh-caps=-all"),
    )
