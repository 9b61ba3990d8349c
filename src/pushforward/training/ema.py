"""An exponential moving average of a model's weights."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import nn

from ..core.checkpoint import weights


class Average:
    """`model`: a copy whose weights follow the original's by w <- decay w + (1 - decay) w_original.

    The decay grows as (1 + n) / (10 + n) with the updates n, so that the start is soon forgotten;
    the first update copies (it comes after a data-dependent initialisation). Buffers are copied
    always.
    """

    def __init__(self, original: nn.Module, decay: float):
        self.original, self.decay, self.updates = original, decay, 0
        self.model: Any = copy.deepcopy(original).eval().requires_grad_(False)
        pairs = list(zip(weights(self.model).values(), weights(original).values()))
        self.floats = [(a, w) for a, w in pairs if isinstance(w, nn.Parameter)]
        self.others = [(a, w) for a, w in pairs if not isinstance(w, nn.Parameter)]

    @torch.no_grad()
    def update(self) -> None:
        """Follows the original by one step."""
        n, self.updates = self.updates, self.updates + 1
        decay = min(self.decay, (1 + n) / (10 + n)) if n else 0.0
        mine = [a for a, _ in self.floats]
        theirs = [w.detach() for _, w in self.floats]
        if mine:
            torch._foreach_lerp_(mine, theirs, 1 - decay)
        for average, weight in self.others:
            average.copy_(weight)
