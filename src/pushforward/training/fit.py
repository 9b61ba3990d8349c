"""The standard loop: a progress bar, a JSONL log, checkpoints, and a stop that loses nothing."""

from __future__ import annotations

import signal
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from ..core.checkpoint import CheckpointError
from ..core.contract import Generative
from ..core.dataset import Dataset
from ..core.ownership import owned, sweep
from . import distributed
from .logs import LOG as LOG
from .logs import logging
from .loop import Training
from .recipe import Recipe
from .reports import Report

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
) -> Generative:
    """Trains `model` on `data` and returns the model to use (the averaged one, with `recipe.ema`).

    Args:
        model: trained in place.
        data: over the model's space.
        recipe: how.
        out: a folder for `checkpoint.safetensors` and `log.jsonl`; None writes nothing.
        resume: go on from the checkpoint in `out`.
        device: where; by default where the model is.
        quiet: no progress bar.
        tensorboard: also write TensorBoard events to `out` (needs the extra `tensorboard`).
        history: a list that the reports are appended to.
        preset: the name of the preset that this is, for the checkpoint's record.

    Raises:
        Interrupted: after Ctrl-C, when everything is saved. A second Ctrl-C stops at once.
        Diverged: where a loss is not a number; the last checkpoint stays.
        CheckpointError: where `resume` finds nothing, or something of another run.
        FileExistsError: where `out` holds a checkpoint and `resume` was not asked for.
        Occupied: where another process trains into `out`.
    """
    training = Training(model, data, recipe, device)
    training.preset = preset
    with _folder(training, out, resume) as folder:
        _run(training, folder, quiet, tensorboard, history)
    return training.result


def _run(
    training: Training,
    folder: Path | None,
    quiet: bool,
    tensorboard: bool,
    history: list[Report] | None,
) -> None:
    with (
        _stopping(training) as stopped,
        _bar(training, quiet or distributed.rank() > 0) as show,
        logging(folder, training.step, tensorboard) as log,
    ):
        for report in training:
            show(report)
            log(report)
            if history is not None:
                history.append(report)
            _checkpoint(training, folder)
    if stopped and training.step < training.recipe.steps:
        raise Interrupted(_how_to_resume(training, folder))


@contextmanager
def _folder(training: Training, out: str | Path | None, resume: bool) -> Iterator[Path | None]:
    """The folder that this process writes to, and owns meanwhile; None where it writes nothing."""
    if out is None:
        if resume:
            raise CheckpointError("resume needs the folder `out` in which the checkpoint lies")
        yield None
        return
    folder = Path(out)
    if distributed.rank() > 0:
        _begin(training, folder, resume)
        yield None
        return
    if not resume:
        folder.mkdir(parents=True, exist_ok=True)
    elif not folder.is_dir():
        raise CheckpointError(f"there is no checkpoint at {folder / CHECKPOINT}")
    with owned(folder / LOCK, f"the folder {folder}"):
        _begin(training, folder, resume)
        sweep(folder)
        yield folder


def _begin(training: Training, folder: Path, resume: bool) -> None:
    """Takes up what the folder holds, or makes sure that there is nothing to be lost."""
    if resume:
        training.resume(folder / CHECKPOINT)
    elif (folder / CHECKPOINT).exists():
        raise FileExistsError(
            f"{folder / CHECKPOINT} exists: go on with resume=True (--resume), "
            "or choose another folder"
        )


def _checkpoint(training: Training, folder: Path | None) -> None:
    """Saves what is good where an interval has passed since the last save, and at the end."""
    due = training.saved_step + training.recipe.every(training.recipe.save_every, 10)
    last = training.step >= training.recipe.steps or training.stop_asked
    if not last and (folder is None or training.step < due):
        return
    training.check()
    if folder is None:
        return
    try:
        training.save(folder / CHECKPOINT)
    except OSError as error:
        if last:
            raise OSError(
                f"{error}. {training.kept}; make room, and go on with --resume"
            ) from error
        warnings.warn(f"{error}; training goes on, and it is tried again", stacklevel=2)


def _how_to_resume(training: Training, folder: Path | None) -> str:
    place = f"stopped at step {training.step} of {training.recipe.steps}"
    if folder is None:
        return f"{place}; nothing was saved, because no folder `out` was given"
    return f"{place}; saved to {folder / CHECKPOINT}. Go on with --resume (fit(..., resume=True))"


@contextmanager
def _stopping(training: Training) -> Iterator[list[int]]:
    """Turns the first Ctrl-C or SIGTERM into a stop after the step under way."""
    stopped: list[int] = []

    def ask(number: int, frame: Any) -> None:
        if stopped:
            raise KeyboardInterrupt
        stopped.append(number)
        training.stop()

    if threading.current_thread() is not threading.main_thread():
        yield stopped
        return
    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stopped
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _bar(training: Training, quiet: bool) -> Iterator[Callable[[Report], None]]:
    """A progress bar with loss, speed and time left."""
    if quiet:
        yield lambda report: None
        return
    from rich.progress import (
        BarColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[now]}"),
    )
    with Progress(*columns) as progress:
        task = progress.add_task("train", total=training.recipe.steps, now="")

        def show(report: Report) -> None:
            held = "" if report.validation is None else f"validation {report.validation_loss:.4g}  "
            now = f"loss {report.loss:.4g}  {held}{report.steps_per_second:.3g} steps/s"
            progress.update(task, completed=report.step, description=report.stage, now=now)

        yield show
