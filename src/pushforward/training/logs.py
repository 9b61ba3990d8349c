"""The log of a training: a JSON object a line for each report, and TensorBoard's events.

A full disk, or a kill, leaves half a line: it is closed before the next one is written, and left
out where the log is read. A log is worth no training, so what cannot be written is told, and tried
again with the next report.
"""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .reports import Report, read_line

LOG = "log.jsonl"


class Log:
    """The file at `path`, to which reports are appended from `step` on.

    What the file holds of later steps was written by a run that was killed before it saved them,
    and goes. Raises FileExistsError for a file that is no log.
    """

    def __init__(self, path: Path, step: int):
        self.path = path
        self.waiting: list[str] = []
        self._cut(step)

    def _cut(self, step: int) -> None:
        """Leaves whole reports up to `step`."""
        if not self.path.exists():
            return
        lines = self.path.read_text(encoding="utf-8", errors="replace").splitlines()
        found = [(line, read_line(line)) for line in lines]
        if lines and not any(report for _, report in found):
            raise FileExistsError(f"{self.path} exists and is no log: choose another folder")
        kept = [line for line, report in found if report is not None and report.step <= step]
        if kept != lines:
            beside = self.path.with_name(f"{LOG}.part")
            beside.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")
            os.replace(beside, self.path)

    def write(self, report: Report) -> None:
        """Appends a report, and those that could not be written before."""
        self.waiting.append(json.dumps(asdict(report)))
        try:
            self._append("".join(f"{line}\n" for line in self.waiting).encode())
        except OSError as error:
            if len(self.waiting) == 1:
                warnings.warn(
                    f"{self.path} cannot be written ({error.strerror}): training goes on, and it "
                    "is tried again",
                    stacklevel=2,
                )
        else:
            self.waiting.clear()

    def _append(self, text: bytes) -> None:
        """Appends all of a text or, where the disk is full, nothing."""
        with open(self.path, "ab", buffering=0) as file:
            end = file.tell()
            try:
                while text:  # the system may take a part, and say only then that there is no room
                    text = text[file.write(text) :]
            except OSError:
                file.truncate(end)
                raise


@contextmanager
def logging(
    folder: Path | None, step: int, tensorboard: bool
) -> Iterator[Callable[[Report], None]]:
    """Writes reports to the folder's log, and as TensorBoard events where they are wanted."""
    if folder is None:
        yield lambda report: None
        return
    log, writer = Log(folder / LOG, step), _writer(folder) if tensorboard else None

    def write(report: Report) -> None:
        log.write(report)
        if writer is not None:
            held = {f"validation/{k}": v for k, v in (report.validation or {}).items()}
            for name, value in {**report.terms, **held}.items():
                writer.add_scalar(name, value, report.step)

    try:
        yield write
    finally:
        if writer is not None:
            writer.close()


def _writer(folder: Path) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise ValueError(
            'tensorboard is not installed: pip install "pushforward[tensorboard]"'
        ) from error
    return SummaryWriter(str(folder))
