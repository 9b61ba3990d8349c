"""Questions to a submission in another process, with a deadline and a bound on every answer."""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from .inside.plain import HEAD, Kept, NotPlain, packed, unpacked
from .sandbox import INSIDE, SCRATCH, Limits

MOST_ANSWERED = 64 << 20  # bytes
LOADING = 90.0  # seconds, torch's import among them
PULSE = 0.1  # seconds between looks at what it uses

Start = Callable[[], list[str]]


class Failed(RuntimeError):
    """What a submission did instead of answering, as its author should read it."""


def on_this_machine() -> list[str]:
    """The worker without a sandbox: for a student's own code on their own machine."""
    start = f"import sys, runpy; sys.path.append({str(INSIDE.parent)!r}); "
    start += "runpy.run_module('inside.worker', run_name='__main__')"
    return [sys.executable, "-X", "utf8", "-c", start]


class Asking:
    """A submission that is asked. It is started when it is first needed, and again when it died.

    start: gives the command of a worker. cells: the submission's code.
    """

    def __init__(self, start: Start, cells: list[str], limits: Limits | None = None):
        self.start, self.cells, self.limits = start, cells, limits or Limits()
        self.process: subprocess.Popen | None = None
        self.pipes: Pipes | None = None
        self.failures: list[tuple[int, str]] = []
        self.hopeless = ""
        self.twins: list[Asking] = []

    def __call__(self, name: str, *arguments: Any, seconds: float = 20.0) -> Any:
        """What the submission's function `name` gives. Raises Failed."""
        return self._asked({"call": name, "arguments": list(arguments), "keep": None}, seconds)

    def keep(self, name: str, *arguments: Any, seconds: float = 20.0) -> Kept:
        """Calls a function whose value stays where it is, to be given to others. Raises Failed."""
        self._asked({"call": name, "arguments": list(arguments), "keep": name}, seconds)
        return Kept(name)

    def twin(self, kept: Kept) -> Asking:
        """Another process that holds the same value and sees nothing of what comes later."""
        content = self._asked({"dump": kept.name}, 60.0)
        if getattr(content, "dtype", None) != "uint8":
            raise Failed("the trained model could not be written")
        twin = Asking(self.start, self.cells, self.limits)
        self.twins.append(twin)
        twin._asked({"restore": kept.name, "bytes": content}, 60.0)
        return twin

    def load(self) -> None:
        """Starts the process and runs the cells. Raises Failed; once is enough."""
        if self.hopeless:
            raise Failed(self.hopeless)
        if self.process is not None and self.process.poll() is None:
            return
        self.process = _started(self.start())
        self.pipes = Pipes(self.process)
        try:
            told = self._exchange(packed(self.cells), LOADING)
            self.failures = [(int(cell), str(text)) for cell, text in told["failures"]]
        except (Failed, KeyError, TypeError, ValueError) as error:
            self.close()
            self.hopeless = f"it could not be loaded: {error}"
            raise Failed(self.hopeless) from None

    def close(self) -> None:
        """Ends the process, all that it started, and its twins."""
        for twin in self.twins:
            twin.close()
        self.twins.clear()
        if self.process is None:
            return
        self.process.kill()
        self.process.wait()
        self.pipes.drained()  # type: ignore[union-attr]
        for pipe in (self.process.stdin, self.process.stdout):
            with suppress(OSError):
                pipe.close()  # type: ignore[union-attr]
        self.process = None

    def _asked(self, question: dict, seconds: float) -> Any:
        self.load()
        try:
            answer = self._exchange(packed(question), seconds)
        except Failed:
            self.close()
            raise
        if not isinstance(answer, dict) or not {"value", "error"} & answer.keys():
            self.close()
            raise Failed("it answered something else than was asked")
        if "error" in answer:
            raise Failed(str(answer["error"])[:4_000])
        return answer["value"]

    def _exchange(self, frame: bytes, seconds: float) -> Any:
        """Sends a frame and waits for one, looking at what is used meanwhile."""
        assert self.pipes is not None
        self.pipes.send(frame)
        got, deadline, looked = bytearray(), time.monotonic() + seconds, time.monotonic()
        while (whole := _whole(got)) is None:
            got += self.pipes.received(PULSE)
            now = time.monotonic()
            if now > deadline:
                raise Failed(f"no answer within {seconds:g} seconds")
            if now - looked > PULSE:
                looked = now
                self._watch()
        return _value(whole)

    def _watch(self) -> None:
        """All processes together: each alone is bounded by the system, their sum is not."""
        pids = list(_tree(self.process.pid)) if sys.platform == "linux" else []  # type: ignore[union-attr]
        if sum(map(_resident, pids)) > self.limits.memory:
            raise Failed(f"it used more than {self.limits.memory >> 20} MB of memory")
        if _files(pids, self.limits.scratch) > self.limits.files:
            raise Failed(f"it wrote more than {self.limits.files} files")


class Pipes:
    """A process's pipes by threads, which every system has: nothing here waits for the process."""

    def __init__(self, process: subprocess.Popen):
        self.process = process
        self.chunks: queue.Queue[bytes] = queue.Queue(maxsize=16)
        threading.Thread(target=self._read, daemon=True).start()

    def send(self, frame: bytes) -> None:
        """Writes a frame behind one's back."""
        threading.Thread(target=self._write, args=(frame,), daemon=True).start()

    def received(self, seconds: float) -> bytes:
        """What has come, nothing where that takes longer. Raises Failed where no more will come."""
        try:
            chunk = self.chunks.get(timeout=seconds)
        except queue.Empty:
            return b""
        if not chunk:
            self.chunks.put(b"")
            raise Failed("its process ended before it answered")
        return chunk

    def drained(self) -> None:
        """Lets the reader of a process that was killed come to its end."""
        with suppress(queue.Empty):
            while self.chunks.get(timeout=1.0):
                pass

    def _read(self) -> None:
        source = self.process.stdout
        with suppress(OSError, ValueError):
            while chunk := os.read(source.fileno(), 1 << 20):  # type: ignore[union-attr]
                self.chunks.put(chunk)
        self.chunks.put(b"")

    def _write(self, frame: bytes) -> None:
        rest = memoryview(frame)
        with suppress(OSError, ValueError):  # it ended, which its reader tells
            while rest:
                rest = rest[self.process.stdin.write(rest) :]  # type: ignore[union-attr]


def _started(command: list[str]) -> subprocess.Popen:
    return subprocess.Popen(
        command,
        bufsize=0,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        start_new_session=True,
    )


def _whole(got: bytearray) -> memoryview | None:
    """The frame, when all of it is there. Raises Failed where it is too large, or more than one."""
    if len(got) < HEAD.size:
        return None
    (length,) = HEAD.unpack_from(got)
    if length > MOST_ANSWERED:
        raise Failed(f"an answer of more than {MOST_ANSWERED >> 20} MB")
    if len(got) > HEAD.size + length:
        raise Failed("it answered more than once")
    return memoryview(got)[HEAD.size :] if len(got) == HEAD.size + length else None


def _value(whole: memoryview) -> Any:
    try:
        return unpacked(bytes(whole))
    except NotPlain as error:
        raise Failed(f"it answered {error}") from None


def _tree(pid: int) -> Iterable[int]:
    """A process and all below it."""
    yield pid
    with suppress(OSError):
        for task in os.listdir(f"/proc/{pid}/task"):
            for child in Path(f"/proc/{pid}/task/{task}/children").read_text().split():
                yield from _tree(int(child))


def _resident(pid: int) -> int:
    """Bytes of memory that a process alone holds."""
    with suppress(OSError, ValueError, IndexError):
        _, resident, shared, *_ = map(int, Path(f"/proc/{pid}/statm").read_text().split())
        return (resident - shared) * os.sysconf("SC_PAGE_SIZE")
    return 0


def _files(pids: list[int], size: int) -> int:
    """Files in a sandbox's scratch, known by its size; only processes inside see it."""
    for pid in reversed(pids):
        with suppress(OSError):
            scratch = os.statvfs(f"/proc/{pid}/root{SCRATCH}")
            if scratch.f_blocks * scratch.f_frsize == size:
                return scratch.f_files - scratch.f_ffree
    return 0
