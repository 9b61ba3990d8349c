"""Snapshots of a training's averages, and the average of any width that is made of them afterwards.

Karras et al. (2024), arXiv:2312.02696, section 3.2 and appendix C.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..core import checkpoint
from ..core.blueprint import encode
from ..core.checkpoint import MODEL, Checkpoint, CheckpointError
from . import state
from .profiles import Profile, checked_width, distance, solve_weights
from .recipe import PowerAverages

FOLDER = "snapshots"
FAR = 0.05  # of a profile's norm: from there on a reconstruction is told to be none


def save(training: state.Underway, folder: Path) -> Path:
    """Writes all averages as they are now to one file, which `pf.load` reads as the first.

    Of more than twice as many files as the recipe says, the one whose neighbours are nearest goes.
    """
    kept = training.recipe.ema
    if not isinstance(kept, PowerAverages):
        raise ValueError("there are no averages to take a snapshot of: Recipe(ema=PowerAverages())")
    named = state.averaged(training.averages)
    tensors = {n: t for n, t in named.items() if not n.startswith(checkpoint.AVERAGE)}
    about = {"averages": {"sigmas": list(kept.sigmas), "step": training.step}}
    record = {**about, **state.about(training)}
    path = folder / f"step-{training.step:08d}.safetensors"
    checkpoint.write(training.averages[0].model, encode(training.model), path, tensors, record)
    thin(folder, 2 * max(1, kept.snapshots))
    return path


def found(folder: Path) -> dict[int, Path]:
    """The snapshots in a folder by their steps, the earliest first."""
    named = ((re.fullmatch(r"step-(\d+)\.safetensors", p.name), p) for p in folder.glob("step-*"))
    return dict(sorted((int(match[1]), path) for match, path in named if match))


def thin(folder: Path, most: int) -> None:
    """Removes snapshots until there are `most`: never the first or the last."""
    steps = list(found(folder))
    while len(steps) > max(2, most):
        gaps = [after - before for before, after in zip(steps, steps[2:])]
        gone = steps.pop(1 + gaps.index(min(gaps)))
        found(folder)[gone].unlink()


def forget_after(folder: Path, step: int) -> None:
    """Removes snapshots of steps that a training which goes on from `step` makes anew."""
    for taken, path in found(folder).items():
        if taken > step:
            path.unlink()


@dataclass(frozen=True)
class Reconstruction:
    """An average that was found by least squares.

    `model` has its weights, in eval mode; `record` is for a file of it; `distance` is how far its
    profile is from the one that was wanted, relative to the norm of that.
    """

    model: Any
    record: dict[str, Any]
    distance: float


def averaged(run: str | Path, sigma_rel: float, step: int | None = None) -> Any:
    """The model of a run with the average of its weights that has the relative width `sigma_rel`,
    from the snapshots that `Recipe(ema=PowerAverages())` left in the run's folder.

    Buffers, which nobody averages, are those of the step. Returns a model in eval mode.

    Args:
        run: the folder that `fit` trained into, or a checkpoint in it.
        sigma_rel: the width wanted: above 0 and at most 0.2887, the mean of all weights.
        step: of a snapshot, as of which it is; by default the last.

    Raises CheckpointError where there are no snapshots, or not of one training, ValueError for a
    width that no profile has or a step without a snapshot. A warning tells where the snapshots are
    too few for the width.

    Karras et al. (2024), arXiv:2312.02696, algorithm 3.
    """
    made = reconstruct(run, sigma_rel, step)
    if made.distance > FAR:
        warnings.warn(
            f"the profile that the snapshots give is {made.distance:.0%} away from that of "
            f"sigma_rel {sigma_rel:g}: take more snapshots, or keep an average of a nearer width",
            stacklevel=2,
        )
    return made.model


def reconstruct(run: str | Path, sigma_rel: float, step: int | None = None) -> Reconstruction:
    """What `averaged` returns, and how well it was found."""
    checked_width(sigma_rel)
    paths = _until(run, step)
    step = max(paths)
    last = checkpoint.read(paths[step])
    known = [Profile.of(s, t) for t in paths for s in _sigmas(last)]
    wanted = Profile.of(sigma_rel, step)
    weights = solve_weights(known, wanted)
    model = checkpoint.build(last)
    tensors = _combined(model, last, list(paths.values()), weights)
    checkpoint.fill(model, tensors, last.path)
    if (name := checkpoint.not_finite(model)) is not None:
        raise CheckpointError(f"the weight {name!r} is not finite: the training diverged")
    about = {"sigma_rel": sigma_rel, "step": step, "snapshots": list(paths)}
    record = {k: v for k, v in last.record.items() if k != "averages"} | {"averaged": about}
    return Reconstruction(model.eval(), record, distance(known, weights, wanted))


def _until(run: str | Path, step: int | None) -> dict[int, Path]:
    """The snapshots of a run up to a step, which has one."""
    place = Path(run).parent if Path(run).is_file() else Path(run)
    paths = found(place / FOLDER) or found(place)
    if not paths:
        raise CheckpointError(
            f"there are no snapshots of averages in {place}: a training with "
            "Recipe(ema=pf.PowerAverages()) leaves them in its folder"
        )
    if step is not None and step not in paths:
        nearest = min(paths, key=lambda taken: abs(taken - step))
        raise ValueError(f"there is no snapshot of step {step} in {place}; the nearest: {nearest}")
    return {taken: path for taken, path in paths.items() if step is None or taken <= step}


def _sigmas(file: Checkpoint) -> tuple[float, ...]:
    try:
        return PowerAverages(file.record["averages"]["sigmas"]).sigmas
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{file.path} is no snapshot of averages") from error


def _combined(
    model: nn.Module, last: Checkpoint, paths: list[Path], weights: np.ndarray
) -> dict[str, Tensor]:
    """The weighted sum of all averages, a file at a time; what is no parameter is the last's."""
    learned = [n for n, t in checkpoint.weights(model).items() if isinstance(t, nn.Parameter)]
    tensors = last.part(MODEL)
    if missing := set(learned) - tensors.keys():
        raise CheckpointError(f"{last.path} lacks the weights {sorted(missing)[:5]}")
    sums = {name: torch.zeros_like(tensors[name], dtype=torch.float64) for name in learned}
    rows = weights.reshape(len(paths), -1)
    for path, row in zip(paths, rows):
        for weight, average in zip(row, _averages_in(path, last)):
            for name in learned:
                sums[name] += float(weight) * average[name].double()
    return tensors | {name: total.to(tensors[name].dtype) for name, total in sums.items()}


def _averages_in(path: Path, last: Checkpoint) -> Iterator[dict[str, Tensor]]:
    """The averages of a snapshot. Raises CheckpointError where it is of another training."""
    file = last if path == last.path else checkpoint.read(path)
    forms = [{k: t.shape for k, t in f.tensors.items()} for f in (file, last)]
    if _sigmas(file) != _sigmas(last) or forms[0] != forms[1]:
        raise CheckpointError(f"{path} is a snapshot of another training than {last.path}")
    for i in range(len(_sigmas(file))):
        yield file.part(state.average_prefix(i) if i else MODEL)
