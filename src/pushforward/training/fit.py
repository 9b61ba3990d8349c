"""The standard loop: a progress bar, a JSONL log, checkpoints, and a stop that loses nothing."""

from __future__ import annotations

import signal
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import torch

from ..core.contract import Generative
from ..core.dataset import Dataset
from ..core.ownership import owned, sweep
from . import distributed, snapshots
from .bars import bar
from .best import Best
from .logs import LOG as LOG
from .logs import logging
from .loop import Training
from .recipe import Recipe
from .reports import Report

YOUNG = 100  # steps in which nothing is expected of a model yet
CHECKPOINT, LOCK = "checkpoint.safetensors", ".in-use"


class Interrupted(KeyboardInterrupt):
    """Stopped by Ctrl-C or SIGTERM; the message says what was saved and how to go on."""


def fit(
    model: Generative,
    data: Dataset,
    recipe: Recipe = Recipe(),  # noqa: B008 (it is frozen)
    out: str | Path | None = None,
    *,
    resume: bool = False,
    device: torch.device | str | None = None,
    quiet: bool = False,
    tensorboard: bool = False,
    history: list[Report] | None = None,
    preset: str | None = None,
    keep_best: bool = False,
) -> Generative:
    """Trains `model` on `data` and returns the model to use (the averaged one, with `recipe.ema`).

    Args:
        model: trained in place.
        data: over the model's space.
        recipe: how.
        out: a folder for `checkpoint.safetensors`, `log.jsonl` and, with `PowerAverages`, their
            `snapshots`; None writes nothing.
        resume: go on from the checkpoint in `out`, if there is one yet. The recipe may be of more
            steps than before; its schedules then go by the new number.
        device: where; by default where the model is.
        quiet: no progress bar.
        tensorboard: also write TensorBoard events to `out` (needs the extra `tensorboard`).
        history: a list that the reports are appended to.
        preset: the name of the preset that this is, for the checkpoint's record.
        keep_best: also keep, in `best.safetensors`, the model with the least loss on validation
            data, and return that one.

    Under `torchrun` every process calls it: the first one writes and shows, and all of them return
    the same weights, but that only the first returns the model of `keep_best`.

    A warning says where the validation loss rose after all.

    Raises:
        Interrupted: after Ctrl-C, when everything is saved. A second Ctrl-C stops at once.
        Diverged: where a loss is not a number; the last checkpoint stays.
        CheckpointError: where `resume` finds something of another run.
        ValueError: where `resume` or `keep_best` is asked for without a folder.
        FileExistsError: where `out` holds a checkpoint and `resume` was not asked for.
        Occupied: where another process trains into `out`.
    """
    training = Training(model, data, recipe, device)
    training.preset = preset
    if keep_best and out is None:
        raise ValueError("keep_best needs a folder `out` to keep the model in")
    with _folder(training, out, resume) as folder:
        best = Best(training, folder if keep_best else None, folder / LOG if folder else None)
        _run(training, folder, best, quiet, tensorboard, history)
        best.tell()
        return best.result


def _run(
    training: Training,
    folder: Path | None,
    best: Best,
    quiet: bool,
    tensorboard: bool,
    history: list[Report] | None,
) -> None:
    with (
        _stopping(training) as stopped,
        bar(training, quiet or distributed.rank() > 0) as show,
        _clock(training, folder) as saved,
        logging(folder, training.step, tensorboard) as log,
    ):
        told: set[str] = set()
        for report in training:
            show(report)
            log(report)
            if history is not None:
                history.append(report)
            best.see(report)
            _snapshot(training, folder)
            if distributed.rank() == 0:
                _alarm(training, report, told)
            saved()
    if distributed.anyone(bool(stopped)) and training.step < training.recipe.steps:
        raise Interrupted(_how_to_resume(training, folder))


def _alarm(training: Training, report: Report, told: set[str]) -> None:
    """Warns of what the model's diagnostics say has gone wrong, once for each kind.

    A training that has hardly begun is not judged: an untrained generator draws one point.
    """
    young = report.step < YOUNG or not report.diagnostics
    word = None if young else training.model.alarm(report.diagnostics)
    kind = word.partition(" (")[0] if word else ""
    if word and kind not in told:
        told.add(kind)
        warnings.warn(f"at step {report.step} {word}", stacklevel=4)


@contextmanager
def _folder(training: Training, out: str | Path | None, resume: bool) -> Iterator[Path | None]:
    """The folder that this process writes to, and owns meanwhile; None where it writes nothing."""
    if out is None:
        if resume:
            raise ValueError("resume needs the folder `out` in which the checkpoint lies")
        yield None
        return
    folder = Path(out)
    with ExitStack() as held:
        distributed.by_first(lambda: held.enter_context(_claimed(folder, resume)))
        if distributed.firsts(resume and (folder / CHECKPOINT).exists()):
            training.resume(folder / CHECKPOINT)
        if distributed.rank() == 0:
            snapshots.forget_after(folder / snapshots.FOLDER, training.step)
        yield folder if distributed.rank() == 0 else None


@contextmanager
def _claimed(folder: Path, resume: bool) -> Iterator[None]:
    """The folder as this process's own, with nothing in it that would be lost."""
    folder.mkdir(parents=True, exist_ok=True)
    with owned(folder / LOCK, f"the folder {folder}"):
        _begin(folder, resume)
        sweep(folder)
        yield


def _begin(folder: Path, resume: bool) -> None:
    """Raises FileExistsError where a training would be lost."""
    if not resume and (folder / CHECKPOINT).exists():
        raise FileExistsError(
            f"{folder / CHECKPOINT} exists: go on with resume=True (--resume), "
            "or choose another folder"
        )


@contextmanager
def _clock(training: Training, folder: Path | None) -> Iterator[Callable[[], None]]:
    """Saves at the reports where an interval has passed since the last save, and at the end.

    The interval is in steps and in minutes. Where the minutes have passed, a report is asked for.
    """
    minutes = training.recipe.save_minutes if folder is not None else None
    last, shown = time.monotonic(), training.watch

    def late() -> bool:
        return minutes is not None and time.monotonic() - last > 60 * minutes

    def look(what: str, done: int, total: int) -> None:
        if late():
            training.ask_report()
        if shown is not None:
            shown(what, done, total)

    def save() -> None:
        nonlocal last
        if _checkpoint(training, folder, late()):
            last = time.monotonic()

    training.watch = look
    try:
        yield save
    finally:
        training.watch = shown


def _checkpoint(training: Training, folder: Path | None, late: bool = False) -> bool:
    """Saves what is good where an interval has passed since the last save, and at the end.

    Returns whether it was time to.
    """
    due = training.saved_step + training.recipe.every(training.recipe.save_every, 10)
    last = training.step >= training.recipe.steps or training.ending
    if not last and not late and (folder is None or training.step < due):
        return False
    training.check()
    if folder is None:
        return True
    try:
        training.save(folder / CHECKPOINT)
    except OSError as error:
        if last:
            advice = f"{training.kept}; make room, and go on with --resume"
            raise OSError(f"{error}. {advice}") from error
        warnings.warn(f"{error}; training goes on, and it is tried again", stacklevel=2)
    return True


def _snapshot(training: Training, folder: Path | None) -> None:
    """Takes a snapshot of the averages where it is time to; a full disk stops nothing."""
    if folder is None or not training.snapshot_due:
        return
    try:
        training.snapshot(folder / snapshots.FOLDER)
    except OSError as error:
        warnings.warn(f"{error}; training goes on without this snapshot", stacklevel=2)


def _how_to_resume(training: Training, folder: Path | None) -> str:
    place = f"stopped at step {training.step} of {training.recipe.steps}"
    if folder is None:
        return f"{place}; nothing was saved, because no folder `out` was given"
    return f"{place}; saved to {folder / CHECKPOINT}. Go on with --resume (fit(..., resume=True))"


@contextmanager
def _stopping(training: Training) -> Iterator[list[int]]:
    """Turns the first Ctrl-C or SIGTERM into a stop after the step under way."""
    stopped: list[int] = []
    began = 0.0

    def ask(number: int, frame: Any) -> None:
        nonlocal began
        if stopped and time.monotonic() - began > patience:
            raise KeyboardInterrupt
        began = began or time.monotonic()
        stopped.append(number)
        training.stop()

    # torchrun passes on what the terminal has sent to all processes already.
    patience = 5.0 if distributed.world() > 1 else 0.0
    if threading.current_thread() is not threading.main_thread():
        yield stopped
        return
    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stopped
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
