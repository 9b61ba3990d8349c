"""Trials in processes of their own: what each said, how it ended, what it took, what it started.

The runner has imported the library once; a trial is a fork of it, so that a crash, a hang or a
memory that runs full takes nobody with it.
"""

from __future__ import annotations

import io
import os
import random
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

SECONDS, MEMORY = 30, 2 * 2**30
CLOSED = 141  # nobody reads on, as after `| head`
CODES = {0, 1, 2, 130, CLOSED}  # done, refused in words, not understood, stopped
STARTED = "torture: started "
FORBIDDEN = ("subprocess.", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "pickle.find")
FORBIDDEN += ("socket.connect", "webbrowser")


class Wrong(AssertionError):
    """An answer that is not the right one."""


@dataclass
class Trial:
    """Something that is done in a folder of its own. `act` is called in the child; `judge` reads
    the end afterwards, and says what is wrong, or None. `kill` is after how many seconds to kill.
    """

    name: str
    act: Callable[[], None]
    judge: Callable[[End], str | None] = lambda end: None
    kill: float | None = None
    allowed: tuple[str, ...] = ()


@dataclass
class End:
    """How a trial ended: exit code, or minus the signal."""

    code: int
    said: str
    seconds: float
    memory: int
    late: bool = False
    strange: list[str] = field(default_factory=list)


def held(trial: Trial, end: End) -> str | None:
    """Why a trial was not held; None where it was."""
    if end.late:
        return f"it hung for {SECONDS} s"
    if trial.kill is None and end.code < 0:
        return f"it died of signal {-end.code}"
    if end.code >= 0 and end.code not in CODES:
        return f"its exit code was {end.code}"
    if "Traceback (most recent call last)" in end.said:
        return "it ended by a traceback: " + end.said.strip().splitlines()[-1][:200]
    if end.memory > MEMORY:
        return f"it took {end.memory / 2**20:.0f} MB"
    if end.strange:
        return f"it started {end.strange[0]}"
    if end.code not in (0, CLOSED) and not end.said.strip() and trial.kill is None:
        return "it was refused without a word"
    return trial.judge(end)


def tried(trial: Trial, folder: Path) -> End:
    """Runs a trial in a child, in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    heard = folder.parent / f"{folder.name}.said"
    start = time.monotonic()
    child = os.fork()
    if child == 0:
        _child(trial, folder, heard)
    late, until = False, start + (trial.kill if trial.kill is not None else SECONDS)
    while True:
        pid, status, usage = os.wait4(child, os.WNOHANG)
        if pid:
            break
        if time.monotonic() > until:
            late = trial.kill is None
            os.kill(child, signal.SIGKILL)
            _, status, usage = os.wait4(child, 0)
            break
        time.sleep(0.002)
    said = heard.read_text(encoding="utf-8", errors="replace") if heard.exists() else ""
    heard.unlink(missing_ok=True)
    strange = [line[len(STARTED) :] for line in said.splitlines() if line.startswith(STARTED)]
    code = os.waitstatus_to_exitcode(status)
    return End(code, said, time.monotonic() - start, usage.ru_maxrss * 1024, late, strange)


def _child(trial: Trial, folder: Path, heard: Path) -> None:
    code = 1
    try:
        os.setsid()
        handle = os.open(heard, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        for stream in (1, 2):
            os.dup2(handle, stream)
        sys.stdout, sys.stderr = (
            io.TextIOWrapper(io.FileIO(stream, "w", closefd=False), "utf-8", write_through=True)
            for stream in (1, 2)
        )
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.chdir(folder)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        sys.addaudithook(_watch(trial.allowed))
        code = ended(trial.act)
    finally:
        with suppress(Exception):
            sys.stdout.flush(), sys.stderr.flush()
        os._exit(code)


def ended(act: Callable[[], None]) -> int:
    """What the interpreter makes of an end."""
    try:
        act()
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        print(end.code, file=sys.stderr)
        return 1
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def _watch(allowed: tuple[str, ...]) -> Callable:
    def look(event: str, args: tuple) -> None:
        if event.startswith(FORBIDDEN) and not event.startswith(allowed or ("-",)):
            os.write(2, f"\n{STARTED}{event} {str(args)[:150]}\n".encode())

    return look


def command(*words: str) -> Callable[[], None]:
    """The command line, as a shell would start it."""

    def act() -> None:
        from pushforward.cli import main

        main(list(words))

    return act


def looked_at(spec: str, check: Callable[..., None] = lambda data: None) -> Callable[[], None]:
    """The data of a spec, as `--data SPEC` finds them, and its errors are told."""

    def look() -> None:
        from pushforward.data import find

        data = find(spec)
        check(data)
        print(f"{data!r}: {data.train.tensors[0].shape}")

    return as_command(look)


def as_command(act: Callable[[], None]) -> Callable[[], None]:
    """Something as a command of the command line, by which its errors are told."""

    def run() -> None:
        from pushforward import cli

        cli._run = lambda words: act()  # type: ignore[assignment]
        cli.main(["it"])

    return run


def refused(*parts: str) -> Callable[[End], str | None]:
    """Judges that something was refused, and that the words have these parts in them."""

    def judge(end: End) -> str | None:
        if end.code == 0:
            return "it was taken"
        lacking = [part for part in parts if part not in end.said]
        return f"it does not say {lacking[0]!r}: {end.said.strip()[:200]}" if lacking else None

    return judge


def taken(end: End) -> str | None:
    """Judges that something was done."""
    return None if end.code == 0 else f"it was refused: {end.said.strip()[:200]}"


def damaged(whole: bytes, draw: random.Random) -> bytes:
    """A file with some damage: cut, bits flipped, parts that lack, are doubled, zeros or noise."""
    while (found := _damaged(whole, draw)) == whole:
        pass
    return found


def _damaged(whole: bytes, draw: random.Random) -> bytes:
    content = bytearray(whole)
    n = len(content)
    match draw.randrange(7):
        case 0:
            return bytes(content[: draw.randrange(n)])
        case 1:
            for _ in range(draw.randint(1, 20)):
                content[draw.randrange(n)] ^= 1 << draw.randrange(8)
        case 2:  # early, where sizes are told
            for _ in range(draw.randint(1, 4)):
                content[draw.randrange(min(n, 64))] = draw.randrange(256)
        case 3:
            a, b = sorted(draw.randrange(n) for _ in range(2))
            del content[a:b]
        case 4:
            a = draw.randrange(n)
            content[a:a] = content[a : a + draw.randint(1, 200)] * draw.randint(1, 5)
        case 5:
            a = draw.randrange(n)
            b = min(n, a + draw.randint(1, 100))
            content[a:b] = bytes(b - a) if draw.random() < 0.5 else draw.randbytes(b - a)
        case _:
            a = draw.randrange(max(1, n - 8))
            content[a : a + 4] = draw.choice([b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", bytes(4)])
    return bytes(content)


NAMES = (
    "[red]a",
    "[bold]",
    "a'b",
    'a"b',
    "a:b",
    "a b",
    "ä🙂",
    "-a",
    "--out",
    "a?b=c",
    "a&b",
    "%s",
    "{x}",
    "a\nb",
    "a\tb",
    "~",
    "$HOME",
    "a;b",
    "*",
    "<b>",
    "\\x",
    "a" * 200,
    "é",
    "مرحبا",
    "\x1b[31m",
    "#",
    "a|b",
)
"""Names that mean something to shells, markup, specs or tables, and to this library nothing."""


def names(draw: random.Random) -> Iterator[str]:
    """Names without end."""
    while True:
        yield draw.choice(NAMES)
