"""The standard loop: a progress bar, a JSONL log, checkpoints, and a stop that loses nothing."""

from __future__ import annotations

import json
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from ..core.contract import Generative
from ..core.dataset import Dataset
from . import distributed
from .bars import bar
from .best import Best
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
    keep_best: bool = False,
) -> Generative:
    """Trains `model` on `data` and returns the model to use (the averaged one, with `recipe.ema`).

    Args:
        model: trained in place.
        data: over the model's space.
        recipe: how.
        out: a folder for `checkpoint.safetensors` and `log.jsonl`; None writes nothing.
        resume: go on from the checkpoint in `out`, if there is one yet. The recipe may be of more
            steps than before; its schedules then go by the new number.
        device: where; by default where the model is.
        quiet: no progress bar.
        tensorboard: also write TensorBoard events to `out` (needs the extra `tensorboard`).
        history: a list that the reports are appended to.
        preset: the name of the preset that this is, for the checkpoint's record.
        keep_best: also keep, in `best.safetensors`, the model with the least loss on validation
            data, and return that one.

    A warning says where the validation loss rose after all.

    Raises:
        Interrupted: after Ctrl-C, when everything is saved. A second Ctrl-C stops at once.
        Diverged: where a loss is not a number; the last checkpoint stays.
        CheckpointError: where `resume` finds something of another run.
        ValueError: where `resume` or `keep_best` is asked for without a folder.
        FileExistsError: where `out` holds a checkpoint and `resume` was not asked for.
    """
    training = Training(model, data, recipe, device)
    training.preset = preset
    if keep_best and out is None:
        raise ValueError("keep_best needs a folder `out` to keep the model in")
    folder = _folder(training, out, resume)
    best = Best(training, folder if keep_best else None, folder / LOG if folder else None)
    with (
        _stopping(training) as stopped,
        bar(training, quiet or distributed.rank() > 0) as show,
        _clock(training, folder) as saved,
        _log(folder, tensorboard) as log,
    ):
        for report in training:
            show(report)
            log(report)
            if history is not None:
                history.append(report)
            best.see(report)
            saved()
    if stopped and training.step < recipe.steps:
        raise Interrupted(_how_to_resume(training, folder))
    best.tell()
    return best.result


def _folder(training: Training, out: str | Path | None, resume: bool) -> Path | None:
    if out is None:
        if resume:
            raise ValueError("resume needs the folder `out` in which the checkpoint lies")
        return None
    folder = Path(out)
    if resume and (folder / CHECKPOINT).exists():
        training.resume(folder / CHECKPOINT)
    elif (folder / CHECKPOINT).exists():
        raise FileExistsError(
            f"{folder / CHECKPOINT} exists: go on with resume=True (--resume), "
            "or choose another folder"
        )
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextmanager
def _clock(training: Training, folder: Path | None) -> Iterator[Callable[[], None]]:
    """Saves at the reports where an interval has passed since the last save, and at the end.

    The interval is in steps and in minutes. Where the minutes have passed, a report is asked for.
    """
    if folder is None or distributed.rank() > 0:
        yield lambda: None
        return
    minutes = training.recipe.save_minutes
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
        due = training.saved_step + training.recipe.every(training.recipe.save_every, 10)
        if training.step >= min(due, training.recipe.steps) or training.stop_asked or late():
            training.save(folder / CHECKPOINT)
            last = time.monotonic()

    training.watch = look
    try:
        yield save
    finally:
        training.watch = shown


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
