"""Bars and stripes: a toy whose every image can be enumerated (MacKay, 2003, section 42)."""

from __future__ import annotations

import torch

from ..core.dataset import Dataset
from ..core.spaces import Pixels, count
from .specs import findable
from .splits import cut


@findable("bars")
def bars(side: int = 4, n: int = 2_000, seed: int = 0) -> Dataset:
    """Binary images (1, side, side), each of whole rows or of whole columns, drawn at random.

    Pixels(1, side, side, levels=2). Rows or columns are chosen by a fair coin, and then each line
    is inked by another.
    """
    generator = torch.Generator().manual_seed(seed)
    lines = torch.randint(2, (count("n", n, 3), 1, 1, count("side", side)), generator=generator)
    stripes = lines.expand(-1, 1, side, side)
    upright = torch.randint(2, (n, 1, 1, 1), generator=generator).bool()
    x = torch.where(upright, stripes, stripes.transpose(2, 3)).to(torch.uint8).contiguous()
    held = max(1, n // 10)
    train, validation, test = cut((x,), (n - 2 * held, held, held))
    origin = {"source": "pushforward.data.bars", "seed": seed}
    return Dataset("bars", Pixels(1, side, side, 2), train, validation, test, origin)
