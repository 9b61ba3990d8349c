"""Runs a submission and answers questions about it: a frame in, a frame out, by plain data alone.

It is started as a script, in the sandbox or on a student's own machine, with nothing of the course
but this folder. What it says may be forged by the submission, which shares its process; whoever
asks judges the answers and nothing else.
"""

from __future__ import annotations

import io
import os
import sys
import types
from typing import Any

from . import plain

NAME = "submission"
MOST_TOLD = 2_000  # characters of an error


def main() -> None:
    """Takes the cells, then questions, until the other side hangs up."""
    questions, answers = _channels()
    module = types.ModuleType(NAME)
    sys.modules[NAME] = module
    kept: dict[str, Any] = {}
    first = os.getpid()
    _send(answers, {"failures": _loaded(module, _received(questions))})
    while os.getpid() == first:  # what a submission forked goes no further
        question = _received(questions)
        try:
            answer = plain.packed({"value": _answer(module, kept, question)})
        except BaseException as error:  # a submission may raise whatever it likes
            answer = plain.packed({"error": _told(error)})
        if os.getpid() == first:
            _write(answers, answer)


def _channels() -> tuple[int, int]:
    """The pipes to whoever asks, moved away from stdin and stdout: nobody hears printing."""
    questions, answers = os.dup(0), os.dup(1)
    if sys.platform == "win32":
        import msvcrt

        for pipe in (questions, answers):
            msvcrt.setmode(pipe, os.O_BINARY)
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nothing, standard)
    return questions, answers


def _loaded(module: types.ModuleType, cells: list[str]) -> list[list]:
    """Runs the cells in turn; what fails is told as [cell, message], and the others go on."""
    failures = []
    for number, cell in enumerate(cells):
        try:
            exec(compile(cell, f"<cell {number + 1}>", "exec"), module.__dict__)
        except BaseException as error:
            failures.append([number, _told(error)])
    return failures


def _answer(module: types.ModuleType, kept: dict[str, Any], question: dict) -> Any:
    if "dump" in question:
        return _dumped(kept[question["dump"]])
    if "restore" in question:
        kept[question["restore"]] = _restored(question["bytes"])
        return None
    function = getattr(module, question["call"])
    value = function(*(_given(item, kept) for item in question["arguments"]))
    if question["keep"] is None:
        return value
    kept[question["keep"]] = value
    return None


def _dumped(value: Any) -> Any:
    """A kept model as bytes, which only another worker of this submission reads."""
    import numpy
    import torch

    file = io.BytesIO()
    torch.save(value, file)
    return numpy.frombuffer(file.getvalue(), "uint8")


def _restored(content: Any) -> Any:
    import torch

    return torch.load(io.BytesIO(content.tobytes()), weights_only=False)


def _given(item: Any, kept: dict[str, Any]) -> Any:
    if isinstance(item, plain.Kept):
        return kept[item.name]
    if isinstance(item, list):
        return [_given(part, kept) for part in item]
    if not hasattr(item, "dtype"):
        return item
    import torch

    return torch.from_numpy(item)


def _told(error: BaseException) -> str:
    """What went wrong and in which line of which cell, as its author may read it."""
    where, trace = "", error.__traceback__
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if file.startswith("<cell"):
            where = f" (line {trace.tb_lineno} of {file.strip('<>')})"
        trace = trace.tb_next
    try:
        message = str(error)
    except BaseException:
        message = "an error that cannot be read"
    return f"{type(error).__name__}: {message}"[:MOST_TOLD] + where


def _received(questions: int) -> Any:
    (length,) = plain.HEAD.unpack(_read(questions, plain.HEAD.size))
    return plain.unpacked(_read(questions, length))


def _read(source: int, count: int) -> bytes:
    parts = bytearray()
    while len(parts) < count:
        part = os.read(source, min(count - len(parts), 1 << 20))
        if not part:
            os._exit(0)
        parts += part
    return bytes(parts)


def _send(target: int, value: Any) -> None:
    _write(target, plain.packed(value))


def _write(target: int, frame: bytes) -> None:
    rest = memoryview(frame)
    while rest:
        rest = rest[os.write(target, rest) :]


if __name__ == "__main__":
    main()
