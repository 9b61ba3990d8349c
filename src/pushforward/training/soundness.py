"""Whether what was trained is good: its weights, losses and samples are finite.

The losses that training has seen were those of earlier weights. A step may have moved these to
where nothing is finite any more, and images made of NaN are black, which is finite. So a
checkpoint replaces an earlier one only after a look at what it would hold.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_hook

from ..core.checkpoint import not_finite
from ..core.contract import Generative, Stage
from ..core.dataset import Dataset
from .mover import Mover
from .state import Random

EXAMPLES = 64  # of a batch whose losses are looked at
PLAIN = (bool, int, float, str, type(None))


class Looked(Protocol):
    """A training as far as it is looked at."""

    model: Generative
    data: Dataset
    movers: list[Mover]
    stages: tuple[Stage, ...]
    stage: int

    @property
    def result(self) -> Generative:
        """The model to use."""


class _TooLong(Exception):
    """To sample takes longer than a look may."""


def unsound(training: Looked, seconds: float = 0.2) -> str | None:
    """Why the model is no good as it is now, in words; None where it is.

    Nothing changes by the look: neither weights, nor what networks count, nor random states.
    Samples are looked at for so many `seconds` at most.
    """
    if (found := weights_not_finite(training)) is not None:
        return found
    with Random(training.model.device, 0).mine(), _untouched(training.model, training.result):
        return _loss(training) or _samples(training, seconds)


def weights_not_finite(training: Looked) -> str | None:
    """Which weight of the model, or of its average, is not finite, in words."""
    names = (not_finite(model) for model in (training.model, training.result))
    found = next((name for name in names if name is not None), None)
    return None if found is None else f"the weight {found!r} is not finite any more"


def _loss(training: Looked) -> str | None:
    batch = training.data.train.at(slice(0, EXAMPLES), training.model.device)
    with torch.no_grad():
        seen = training.stages[training.stage].view(*batch)
    for player in (mover.player for mover in training.movers if mover.player.loss):
        try:
            terms = player.loss(*seen)
        except Exception as error:  # of a user's loss, which may not like this batch
            if is_of_numbers(error):
                return f"the loss of player {player.name!r} has no value: {first_line(error)}"
            continue
        for name, term in terms.items():
            if not math.isfinite(value := float(term.detach().double().mean())):
                return f"the term {name!r} of player {player.name!r} is {value} by now"
    return None


def is_of_numbers(error: Exception) -> bool:
    """Whether torch's distributions, or its algebra, were given numbers that make no sense."""
    said = str(error)
    return said.startswith(("Expected parameter", "Expected value", "linalg")) or "NaN" in said


def first_line(error: Exception) -> str:
    """What an error says first; torch's go on with the numbers."""
    return (str(error) or type(error).__name__).splitlines()[0][:200]


def _samples(training: Looked, seconds: float) -> str | None:
    """NaN in a sample, or in what any network gave while it was drawn."""
    model, found = training.result, []
    told = training.data.train.at(slice(0, 1), model.device)[1:]
    try:
        with _watched(found.append, time.perf_counter() + seconds):
            drawn = model.sample(1, *told)
        if drawn.is_floating_point() and not bool(torch.isfinite(drawn).all()):
            found.append(type(model).__name__)
    except _TooLong:
        pass
    except Exception as error:
        if is_of_numbers(error):
            return f"it cannot be sampled any more: {first_line(error)}"
    return f"its samples are not finite any more, by what {found[0]} gives" if found else None


@contextmanager
def _watched(tell: Callable[[str], None], until: float) -> Iterator[None]:
    """Tells which modules give NaN; raises _TooLong after that time."""

    def look(module: nn.Module, given: Any, output: Any) -> None:
        if isinstance(output, Tensor) and output.is_floating_point() and output.isnan().any():
            tell(type(module).__name__)
        if time.perf_counter() > until:
            raise _TooLong

    handle = register_module_forward_hook(look)
    try:
        yield
    finally:
        handle.remove()


@contextmanager
def _untouched(*models: nn.Module) -> Iterator[None]:
    """Afterwards modes, buffers, and numbers and words in attributes are what they were."""
    parts = [part for model in models for part in model.modules()]
    plain = [{k: v for k, v in vars(part).items() if type(v) in PLAIN} for part in parts]
    buffers = [(b, b.clone()) for model in models for b in model.buffers()]
    try:
        yield
    finally:
        for part, before in zip(parts, plain):
            vars(part).update(before)
        for buffer, before in buffers:
            buffer.data.copy_(before)
