"""A preset on data of the user's: `pushforward train PRESET --data SPEC --classes-from WHAT`."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Callable
from typing import Any

from ..core.catalogue import Usage
from ..core.dataset import Dataset
from ..core.spaces import Labels, Reals
from ..training.experiment import Experiment
from ..training.recipe import Recipe


def own_data(spec: str | None, classes_from: str | None) -> Dataset | None:
    """The data of --data, with the labels of --classes-from; None for the preset's own."""
    from .. import data

    if spec is None:
        if classes_from is not None:
            raise Usage("--classes-from says what --data holds: give --data as well")
        return None
    if classes_from is None:
        return data.find(spec)
    column = {} if classes_from in ("folders", "labels") else {"label": classes_from}
    found = data.find(spec, labels=True, **column)
    if found.given is None:
        raise Usage(f"{spec} holds no {classes_from} that a model could be told")
    return found


def learning(
    name: str, build: Callable[..., Experiment], knobs: dict[str, Any], data: Dataset
) -> Experiment:
    """What a preset builds where every loader gives it `data`; a knob for classes follows them.

    Raises Usage where it is about one data set, or learns another kind of data.
    """
    from ..data.names import replaced

    classes = data.given.classes if isinstance(data.given, Labels) else 0
    if classes and not data.classes:
        data = dataclasses.replace(data, classes=tuple(map(str, range(classes))))
    told = {"classes": classes, "labels": classes > 0}
    knobs = knobs | {k: type(knobs[k])(v) for k, v in told.items() if k in knobs}
    try:
        with replaced(data) as asked:
            experiment = build(**knobs)
    except Exception as error:  # networks that are built for other shapes fail in many ways
        hint = "" if classes else "; if it needs labels, give --classes-from"
        raise Usage(f"{name} cannot learn {data!r}: {error}{hint}") from error
    if not asked:
        raise Usage(f"{name} loads no data that --data could stand for")
    if experiment.model.space != experiment.data.space:
        raise Usage(f"{name} is a model of {experiment.model.space}: it cannot learn {data!r}")
    if "columns" in data.origin and isinstance(experiment.data.space, Reals):
        experiment = _of_columns(experiment)
    return dataclasses.replace(experiment, recipe=_of_few(experiment.recipe, len(data.train)))


def _of_columns(experiment: Experiment) -> Experiment:
    """The model of a table sees its columns standardised, whatever their units."""
    from ..models.flow.standardised import standardised

    model = standardised(experiment.model, experiment.data)
    return dataclasses.replace(experiment, model=model)


def _of_few(recipe: Recipe, n: int) -> Recipe:
    """The recipe with batches of at most the `n` examples that there are."""
    sizes = {stage: size and min(size, n) for stage, size in recipe.batch_sizes.items()}
    size = recipe.batch_size and min(recipe.batch_size, n)
    if (size, sizes) != (recipe.batch_size, recipe.batch_sizes):
        warnings.warn(f"batches are of {n}, as many as there are to train on", stacklevel=2)
    return dataclasses.replace(recipe, batch_size=size, batch_sizes=sizes)
