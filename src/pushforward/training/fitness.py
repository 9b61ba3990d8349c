"""Whether model, data, recipe and device go together: looked at once, before the first step."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from ..core.blueprint import encode
from ..core.contract import Generative
from ..core.dataset import Dataset
from . import state
from .recipe import Recipe

LOOKED_AT = 64  # examples of data that are streamed


def available(device: torch.device | str) -> torch.device | str:
    """Returns `device`, if torch can put a tensor there; else raises ValueError."""
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(
            f"device must be one that torch can use here, such as 'cpu', not {device!r}: {reason}"
        ) from error
    return device


def check_fit(model: Generative, data: Dataset, recipe: Recipe) -> None:
    """Raises ValueError where the model cannot be trained on the data by the recipe."""
    for name, tensor in model.named_parameters():
        if isinstance(tensor, nn.parameter.UninitializedParameter):
            raise ValueError(f"{name!r} has no size yet: call the network on some data first")
    if any(tensor.is_inference() for tensor in model.state_dict().values()):
        raise ValueError(
            "the model was built within torch.inference_mode(), where torch makes weights that "
            "never learn: build it outside"
        )
    if model.space != data.space:
        raise ValueError(f"the model is for {model.space}, but {data.name} holds {data.space}")
    model.check_examples(len(data.train))
    with torch.random.fork_rng(devices=[]):  # a view may draw
        for split in (data.train, data.validation):  # once, so that no step has to
            # What is streamed was looked at when it was found, and would not fit so much at once.
            for batch in (split.first(LOOKED_AT) if split.streams else split).batches(4096):
                model.space.check(batch[0], data.name)
                model.told(len(batch[0]), *batch[1:])
    stages = model.stages()
    if recipe.steps < len(stages):
        raise ValueError(f"{len(stages)} stages need at least as many steps, not {recipe.steps}")
    encode(recipe), state.described(data)  # so that a file can be written
    _check_named("player", recipe.optimizers, [p.name for s in stages for p in s.players])
    _check_named("stage", {**recipe.batch_sizes, **recipe.rates}, [s.name for s in stages])


def _check_named(what: str, settings: Mapping[str, object], names: list[str]) -> None:
    for name in settings:
        if name not in names:
            raise ValueError(f"no {what} is called {name!r}; there are {sorted(set(names))}")
