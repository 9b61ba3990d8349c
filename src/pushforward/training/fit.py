"""The standard loop: a progress bar, a JSONL log, checkpoints, and a stop that loses nothing."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from ..core.checkpoint import CheckpointError
from ..core.contract import Generative
from ..core.dataset import Dataset
from . import distributed
from .loop import Training
from .recipe import Recipe
from .reports import Report

CHECKPOINT, LOG = "checkpoint.safetensors", "log.jsonl"


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
    """
    training = Training(model, data, recipe, device)
    training.preset = preset
    folder = _folder(training, out, resume)
    with (
        _stopping(training) as stopped,
        _bar(training, quiet or distributed.rank() > 0) as show,
        _log(folder, tensorboard) as log,
    ):
        for report in training:
            show(report)
            log(report)
            if history is not None:
                history.append(report)
            _checkpoint(training, folder)
    if stopped and training.step < recipe.steps:
        raise Interrupted(_how_to_resume(training, folder))
    return training.result


def _folder(training: Training, out: str | Path | None, resume: bool) -> Path | None:
    if out is None:
        if resume:
            raise CheckpointError("resume needs the folder `out` in which the checkpoint lies")
        return None
    folder = Path(out)
    if resume:
        training.resume(folder / CHECKPOINT)
    elif (folder / CHECKPOINT).exists():
        raise FileExistsError(
            f"{folder / CHECKPOINT} exists: go on with resume=True (--resume), "
            "or choose another folder"
        )
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _checkpoint(training: Training, folder: Path | None) -> None:
    """Saves where an interval has passed since the last save, and at the end."""
    if folder is None or distributed.rank() > 0:
        return
    due = training.saved_step + training.recipe.every(training.recipe.save_every, 10)
    if training.step >= min(due, training.recipe.steps) or training.stop_asked:
        training.save(folder / CHECKPOINT)


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


@contextmanager
def _log(folder: Path | None, tensorboard: bool) -> Iterator[Callable[[Report], None]]:
    """One JSON object a report, appended at once; TensorBoard events where they are wanted."""
    if folder is None or distributed.rank() > 0:
        yield lambda report: None
        return
    writer = _writer(folder) if tensorboard else None
    with open(folder / LOG, "a", encoding="utf-8") as file:

        def log(report: Report) -> None:
            print(json.dumps(asdict(report)), file=file, flush=True)
            if writer is not None:
                held = {f"validation/{k}": v for k, v in (report.validation or {}).items()}
                for name, value in {**report.terms, **held}.items():
                    writer.add_scalar(name, value, report.step)

        yield log
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
