"""Putting a training down and taking it up again, bit for bit."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor
from torch import distributed as dist

from ..core import checkpoint
from ..core.blueprint import encode
from ..core.checkpoint import AVERAGE, MODEL, Checkpoint, CheckpointError
from ..core.contract import Generative
from ..core.dataset import Dataset, identity
from ..core.foreign import notes
from ..core.shares import world
from . import distributed
from .batches import Batches
from .ema import Average
from .mover import Mover
from .recipe import BESIDE, Recipe

OPTIMIZER, RANDOM = "optimizer.", "random."


class Underway(Protocol):
    """A training as far as it is put down: what plays, and where it got to."""

    model: Generative
    data: Dataset
    recipe: Recipe
    averages: list[Average]
    movers: list[Mover]
    batches: Batches
    random: Random
    step: int
    stage: int
    ends: list[int]
    seconds: float
    preset: str | None
    blueprint: Any

    def _enter(self, stage: int) -> None:
        """Begins a stage with players that have not moved yet."""


class Random:
    """A random state of its own: within `mine` torch's global generators are swapped for it."""

    def __init__(self, device: torch.device, seed: int):
        self.device = device
        self.states = self._seeded(seed)

    def _seeded(self, seed: int) -> dict[str, Tensor]:
        with self._kept():
            torch.manual_seed(seed)
            return self._get()

    def _get(self) -> dict[str, Tensor]:
        states = {"cpu": torch.get_rng_state()}
        if self.device.type == "cuda":
            states["cuda"] = torch.cuda.get_rng_state(self.device)
        return states

    def _set(self, states: dict[str, Tensor]) -> None:
        torch.set_rng_state(states["cpu"])
        if "cuda" in states and self.device.type == "cuda":
            torch.cuda.set_rng_state(states["cuda"], self.device)

    @contextmanager
    def _kept(self) -> Iterator[None]:
        before = self._get()
        try:
            yield
        finally:
            self._set(before)

    def agree(self) -> None:
        """All processes go on from the state of the first, which is what a file holds."""
        if world() > 1:
            found = self._get()
            for state in found.values():
                sent = state.to(distributed.device())
                dist.broadcast(sent, 0)
                state.copy_(sent)
            self._set(found)

    @contextmanager
    def mine(self) -> Iterator[None]:
        """Within it, everything is drawn from this state, which remembers where it got to."""
        with self._kept():
            self._set(self.states)
            try:
                yield
            finally:
                self.states = self._get()


def save(training: Underway, path: Path) -> Path:
    """Writes model, average, optimisers, random states and place in the data to one file."""
    tensors = {RANDOM + name: t for name, t in training.random.states.items()}
    before, cursor = training.batches.state()
    tensors[RANDOM + "order"] = before
    tensors |= averaged(training.averages)
    for mover in training.movers:
        if mover.optimizer is not None and not mover.shares:
            prefix = f"{OPTIMIZER}{mover.player.name}."
            for index, values in mover.optimizer.state_dict()["state"].items():
                tensors |= {f"{prefix}{index}.{k}": torch.as_tensor(v) for k, v in values.items()}
    blueprint, record = encode(training.model), _record(training, cursor)
    if blueprint != training.blueprint:  # a network counts, or anneals
        record["started"] = training.blueprint
    return checkpoint.write(training.model, blueprint, path, tensors, record)


def averaged(averages: list[Average]) -> dict[str, Tensor]:
    """The tensors of averages, by the names that they have in a file."""
    return {
        average_prefix(i) + name: t
        for i, average in enumerate(averages)
        for name, t in checkpoint.weights(average.model).items()
    }


def average_prefix(i: int) -> str:
    """How the names of the i-th average's tensors begin; the first is the model to use."""
    return f"average{i}." if i else AVERAGE


def _record(training: Underway, cursor: int) -> dict[str, Any]:
    place = {"step": training.step, "stage": training.stage, "cursor": cursor}
    updates = {"updates": training.averages[0].updates} if training.averages else {}
    return {
        "training": {**place, **updates, "seconds": training.seconds},
        **about(training),
    }


def about(training: Underway) -> dict[str, Any]:
    """What a file of a training says of how its model came about."""
    return {
        "recipe": encode(training.recipe),
        "data": described(training.data),
        "space": asdict(training.data.space),
        **({} if training.preset is None else {"preset": training.preset}),
    }


def described(data: Dataset) -> dict[str, Any]:
    """What a file says of the data. Raises ValueError where that cannot be written as JSON."""
    try:
        return json.loads(json.dumps(data.describe()))
    except TypeError as error:
        raise ValueError(
            f"the origin of {data.name} cannot be written to a file: {error}"
        ) from error


def restore(training: Underway, path: Path) -> None:
    """Reads what `save` wrote into a training of the same model, data and recipe.

    Raises CheckpointError for another training, or one whose state makes no sense.
    """
    saved = checkpoint.read(path)
    _check_same(training, saved)
    try:
        _extend(training, saved)
        _take_up(training, saved, path)
    except (CheckpointError, Warning):
        raise
    except Exception as error:  # a state that was crafted fails in many ways
        raise CheckpointError(
            f"{path} holds a training that cannot go on: {type(error).__name__}: {error}"
        ) from error


def _take_up(training: Underway, saved: Checkpoint, path: Path) -> None:
    place = saved.record["training"]
    if place["step"] > training.recipe.steps:
        raise CheckpointError(f"{path} says that it is at step {place['step']}, after the last")
    if "started" in saved.record:
        _restore_networks(training, checkpoint.build(saved))
    checkpoint.fill(training.model, saved.part(MODEL), path)
    for i, average in enumerate(training.averages):
        checkpoint.fill(average.model, saved.part(average_prefix(i)), path)
        average.updates = place["updates"]
    training._enter(place["stage"])
    _restore_optimizers(training, saved)
    random = saved.part(RANDOM)
    training.batches.restore(random.pop("order"), place["cursor"])
    training.random.states = random
    with training.random.mine():  # which refuses what is no state
        pass
    training.step, training.seconds = place["step"], place["seconds"]


def _restore_networks(training: Underway, became: Any) -> None:
    """Gives the networks the attributes that they had when the training was saved."""
    for average in training.averages:
        for mine, theirs in notes.pairs(average.model, became):
            notes.follow(mine, theirs)
    for mine, theirs in notes.pairs(training.model, became):
        notes.restore(mine, theirs)


def _check_same(training: Underway, saved: Checkpoint) -> None:
    if "training" not in saved.record:
        raise CheckpointError(f"{saved.path} holds a model, but no training that could go on")
    now = {
        "model": (training.blueprint, _started(training, saved)),
        "data": (identity(described(training.data)), identity(saved.record["data"])),
        "recipe": (_learning(encode(training.recipe)), _learning(saved.record["recipe"])),
    }
    for what, (mine, theirs) in now.items():
        if mine != theirs:
            raise CheckpointError(
                f"{saved.path} was trained with another {what}: {_difference(theirs, mine)}"
            )


def _learning(recipe: Any) -> Any:
    """Of a recipe as JSON, what decides on each step that was made."""
    known = encode(Recipe())["fields"] | recipe["fields"]  # an older file knows fewer
    fields = {k: v for k, v in known.items() if k not in (*BESIDE, "steps")}
    return {**recipe, "fields": fields}


def _extend(training: Underway, saved: Checkpoint) -> None:
    """Lets a training be of more steps than it was put down with, or of fewer.

    Raises CheckpointError where it has gone further already, or would fall back into an earlier
    stage. A warning says that its schedules are now those of the new number.
    """
    place, steps = saved.record["training"], training.recipe.steps
    before = saved.record["recipe"]["fields"]["steps"]
    if steps == before:
        return
    if steps < place["step"]:
        raise CheckpointError(f"{saved.path} has made {place['step']} steps, more than {steps}")
    begin = [0, *training.ends][place["stage"]]
    if not begin <= place["step"] <= training.ends[place["stage"]]:
        raise CheckpointError(
            f"{saved.path} was trained with another recipe: steps was {before} and is now {steps}, "
            f"by which step {place['step']} would not be in stage {place['stage'] + 1} of "
            f"{len(training.ends)}"
        )
    warnings.warn(
        f"the training was of {before} steps and is now of {steps}: schedules go by these",
        stacklevel=2,
    )


def _started(training: Underway, saved: Checkpoint) -> Any:
    """The blueprint that the saved training began with; it may be taken up by what it became."""
    became = training.blueprint == saved.blueprint
    return saved.blueprint if became else saved.record.get("started", saved.blueprint)


def _difference(theirs: Any, mine: Any, path: str = "") -> str:
    if isinstance(theirs, dict) and isinstance(mine, dict):
        for key in sorted(theirs.keys() | mine.keys(), key=str):
            if theirs.get(key) != mine.get(key):
                return _difference(theirs.get(key), mine.get(key), f"{path}.{key}".strip("."))
    return f"{path} was {str(theirs)[:80]} and is now {str(mine)[:80]}"


def _restore_optimizers(training: Underway, saved: Checkpoint) -> None:
    for mover in training.movers:
        if mover.optimizer is None or mover.shares:
            continue
        state: dict[int, dict[str, Tensor]] = {}
        for name, tensor in saved.part(f"{OPTIMIZER}{mover.player.name}.").items():
            index, key = name.split(".", 1)
            state.setdefault(int(index), {})[key] = tensor
        groups = mover.optimizer.state_dict()["param_groups"]
        mover.optimizer.load_state_dict({"state": state, "param_groups": groups})
        for parameter, found in mover.optimizer.state.items():
            for name, value in found.items():
                if isinstance(value, Tensor) and value.shape not in ((), parameter.shape):
                    raise ValueError(f"{name} of player {mover.player.name!r} has another shape")
