"""Moving averages of a model's weights."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from ..core.checkpoint import weights
from ..core.foreign import notes
from .profiles import decay_at, gamma_of
from .recipe import PowerAverages


class Average:
    """`model`: a copy whose weights follow the original's by w <- decay w + (1 - decay) w_original.

    `decay` is a number, or what gives it for the t-th update, t = 1, 2, ... A number grows as
    (1 + n) / (10 + n) with the updates n before, so that the start is soon forgotten; the first
    update copies (it comes after a data-dependent initialisation). Buffers are copied always, and
    so is what networks that are no components keep in attributes.
    """

    def __init__(self, original: nn.Module, decay: float | Callable[[int], float]):
        self.original, self.updates = original, 0
        self.decay = decay if callable(decay) else _growing(decay)
        self.model: Any = copy.deepcopy(original, notes.left_behind(original)).eval()
        self.model.requires_grad_(False)
        pairs = list(zip(weights(self.model).values(), weights(original).values()))
        self.floats = [(a, w) for a, w in pairs if isinstance(w, nn.Parameter)]
        parts = zip(self.model.modules(), original.modules())
        self.buffers: list[tuple[dict[str, Any], dict[str, Any], str]]
        self.buffers = [(a._buffers, m._buffers, name) for a, m in parts for name in _kept(m)]
        self.networks = notes.pairs(self.model, original)

    @torch.no_grad()
    def update(self) -> None:
        """Follows the original by one step."""
        self.updates += 1
        decay = self.decay(self.updates)
        mine = [a for a, _ in self.floats]
        theirs = [w.detach() for _, w in self.floats]
        if mine:
            torch._foreach_lerp_(mine, theirs, 1 - decay)
        if self.buffers:  # by name: a module may put a new tensor in a buffer's place
            mine = [home[name] for home, _, name in self.buffers]
            torch._foreach_copy_(mine, [other[name] for _, other, name in self.buffers])
        for average, part in self.networks:
            notes.follow(average, part)


def averages(original: nn.Module, kept: float | PowerAverages | None) -> list[Average]:
    """What a recipe's `ema` asks for: none, one by a decay, or one for each profile."""
    if kept is None:
        return []
    if isinstance(kept, PowerAverages):
        return [Average(original, _power(sigma)) for sigma in kept.sigmas]
    return [Average(original, kept)]


def _growing(most: float) -> Callable[[int], float]:
    return lambda t: min(most, t / (9 + t)) if t > 1 else 0.0


def _power(sigma_rel: float) -> Callable[[int], float]:
    gamma = gamma_of(sigma_rel)
    return lambda t: decay_at(gamma, t)


def _kept(module: nn.Module) -> list[str]:
    """The names of a module's own buffers that are saved with it."""
    passing = module._non_persistent_buffers_set
    return [name for name, b in module._buffers.items() if b is not None and name not in passing]
