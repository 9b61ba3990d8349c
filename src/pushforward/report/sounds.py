"""Sounds out of models: samples of mu-law values as one wave."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from ..core import checkpoint
from ..data.mu_law import mu_law_inverse

PAUSE = 0.2  # seconds of silence after each sample


def rate_of(path: str | Path) -> int | None:
    """Samples per second of what a checkpoint was trained on; None where that was no sound."""
    return checkpoint.read(path).record.get("data", {}).get("rate")


def as_sound(drawn: Tensor, levels: int, rate: int) -> Tensor:
    """Samples (n, length) of mu-law values, one after the other with pauses, as one wave."""
    waves = mu_law_inverse(drawn.cpu(), levels)
    return F.pad(waves, (0, round(PAUSE * rate))).flatten().to(torch.float32)
