"""Flags that every preset has: how it is trained, by its recipe."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Annotated, Any

from ..core.catalogue import Usage

if TYPE_CHECKING:
    from ..training.experiment import Experiment
    from ..training.recipe import Recipe


@dataclasses.dataclass(frozen=True)
class How:
    """What is changed in a recipe; None leaves it as the preset has it."""

    steps: Annotated[int | None, "rounds of training"] = None
    epochs: Annotated[float | None, "passes over the training data, in place of --steps"] = None
    batch_size: Annotated[int | None, "examples in a batch"] = None
    lr: Annotated[
        float | None, "learning rate; where players or stages have their own, all in proportion"
    ] = None
    clip: Annotated[float | None, "bound on the norm of a gradient"] = None
    seed: Annotated[int | None, "of the weights, the order of the data, and all noise"] = None
    save_every: Annotated[int | None, "steps between checkpoints"] = None
    save_minutes: Annotated[float | None, "and minutes after which one is due at the latest"] = None
    validate_every: Annotated[int | None, "steps between validations; 0 makes none"] = None
    compile: Annotated[bool, "run losses through torch.compile"] = False
    bf16: Annotated[bool, "autocast losses to bfloat16"] = False


PLAIN = ("steps", "batch_size", "clip", "seed", "save_every", "save_minutes", "validate_every")


def adapted(experiment: Experiment, how: How) -> Experiment:
    """The experiment with its recipe changed. Raises Usage for what no recipe can be."""
    try:
        recipe = _changed(experiment.recipe, how)
        if how.epochs is not None:
            steps = _steps_of(experiment, recipe, how.epochs)
            recipe = dataclasses.replace(recipe, steps=steps)
    except ValueError as error:
        raise Usage(str(error)) from error
    return dataclasses.replace(experiment, recipe=recipe)


def _changed(recipe: Recipe, how: How) -> Recipe:
    given = {name: getattr(how, name) for name in PLAIN}
    changes: dict[str, Any] = {k: v for k, v in given.items() if v is not None}
    if how.batch_size is not None:
        changes["batch_sizes"] = dict.fromkeys(recipe.batch_sizes, how.batch_size)
    changes |= {"compile": recipe.compile or how.compile, "bf16": recipe.bf16 or how.bf16}
    recipe = dataclasses.replace(recipe, **changes)
    return recipe if how.lr is None else _at_rate(recipe, how.lr)


def _at_rate(recipe: Recipe, lr: float) -> Recipe:
    """The recipe whose first rate is `lr`, and all others in proportion."""
    optimizers = dict(recipe.optimizers)
    first = next(iter(optimizers.values()), recipe.optimizer)
    rates = dict(recipe.rates)
    factor = lr / next(iter(rates.values()), first.lr)
    return dataclasses.replace(
        recipe,
        optimizer=dataclasses.replace(recipe.optimizer, lr=recipe.optimizer.lr * factor),
        optimizers={k: dataclasses.replace(o, lr=o.lr * factor) for k, o in optimizers.items()},
        rates={k: rate * factor for k, rate in rates.items()},
    )


def _steps_of(experiment: Experiment, recipe: Recipe, epochs: float) -> int:
    """Steps that show the training data so many times."""
    if not epochs > 0:
        raise Usage(f"--epochs must be above 0, not {epochs:g}")
    n = len(experiment.data.train)
    turns = max(player.turns for player in experiment.model.stages()[0].players)
    return max(1, round(epochs * n / ((recipe.batch_size or n) * turns)))
