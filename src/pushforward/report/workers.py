"""A process for each task, some at once: one that fails or is killed takes no other with it."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess
from typing import Any


@dataclass(frozen=True)
class Failure:
    """Why a task has no result."""

    name: str
    error: str


def in_processes(
    work: Callable[[str], Any], names: Sequence[str], at_once: int
) -> Iterator[tuple[str, Any | Failure]]:
    """Pairs of a name and what `work(name)` returned there, or a Failure, as they are finished.

    `work` is a function of a module, or a `partial` of one, and what it returns can be pickled.
    When the caller stops iterating (Ctrl-C, an error), the processes under way are ended.
    """
    context, waiting = _context(getattr(work, "func", work).__module__), list(names)
    running: dict[Connection, tuple[str, BaseProcess]] = {}
    try:
        while waiting or running:
            while waiting and len(running) < at_once:
                name = waiting.pop(0)
                running.update([_started(context, work, name)])
            for pipe in wait(list(running)):
                assert isinstance(pipe, Connection)
                name, process = running[pipe]
                result = _received(pipe, name, process)
                del running[pipe]
                yield name, result
    finally:
        _end([process for _, process in running.values()])


def _context(module: str) -> BaseContext:
    """Forks of a server that has imported what the work needs; where there are none, new starts."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["__main__", module])
    return context


def _started(
    context: Any, work: Callable[[str], Any], name: str
) -> tuple[Connection, tuple[str, BaseProcess]]:
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_child, args=(sender, work, name), daemon=True)
    process.start()
    sender.close()
    return receiver, (name, process)


def _child(pipe: Connection, work: Callable[[str], Any], name: str) -> None:
    """Leaves the group of processes that Ctrl-C in a terminal reaches: the parent decides."""
    if hasattr(os, "setsid"):
        os.setsid()
    threading.Thread(target=_die_with_parent, daemon=True).start()
    try:
        result = work(name)
    except KeyboardInterrupt:  # the parent's SIGTERM, which training turns into this
        return
    except Exception as error:
        result = Failure(name, f"{type(error).__name__}: {error}")
    # Plain bytes: torch's own way to send tensors needs this process to live on.
    pipe.send_bytes(pickle.dumps(result))


def _die_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _received(pipe: Connection, name: str, process: BaseProcess) -> Any | Failure:
    try:
        return pickle.loads(pipe.recv_bytes())  # from our own child, never from a file
    except EOFError:
        process.join()
        code = process.exitcode or 0
        why = f"signal {-code}: out of memory?" if code < 0 else f"exit code {code}"
        return Failure(name, f"its process ended without a result ({why})")
    finally:
        pipe.close()
        process.join(5)


def _end(processes: list[BaseProcess]) -> None:
    for process in processes:
        process.terminate()
    for process in processes:
        process.join(5)
        if process.is_alive():
            process.kill()
            process.join()
