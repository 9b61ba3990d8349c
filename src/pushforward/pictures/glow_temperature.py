"""Digits of Glow from the same noise at several temperatures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..media.images import sheet
from ..models.flow.dequantized import Dequantized
from ..presets.flows import glow_digits
from .gallery import learned, picture

if TYPE_CHECKING:
    from PIL.Image import Image


@picture
def draw(steps: int = 400) -> Image:
    """Digits of Glow from the same noise at temperatures 0, 0.5, 0.7, 0.9 and 1, a row for each.

    Args:
        steps: of training.
    """
    model = learned(glow_digits(steps=steps))
    return sheet(temperatures(model), model.space)


def temperatures(
    model: Dequantized, at: Sequence[float] = (0.0, 0.5, 0.7, 0.9, 1.0), n: int = 8, seed: int = 0
) -> Tensor:
    """The same noise at several temperatures: images (len(at) * n, c, h, w), a row for each."""
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(seed)
        noise = model.latents(n)
        return torch.cat([model.push(noise * temperature) for temperature in at])
