"""Bars and stripes: a toy whose every image can be enumerated (MacKay, 2003, section 42)."""

from __future__ import annotations

import torch

from ..core.dataset import Dataset
from ..core.spaces import Pixels, count
from .specs import findable
from .splits import cut


@findable("bars")
def bars(
    height: int = 4, width: int = 4, n: int = 2_000, seed: int = 0, labels: bool = False
) -> Dataset:
    """Binary images (1, height, width), each of whole rows or of whole columns, drawn at random.

    Pixels(1, height, width, levels=2). Rows or columns are chosen by a fair coin, and then each
    line is inked by another. With `labels`, the second tensor says which: 0 columns, 1 rows.
    """
    generator = torch.Generator().manual_seed(seed)

    def coins(*shape: int) -> torch.Tensor:
        return torch.randint(2, shape, generator=generator)

    rows = coins(count("n", n, 3), 1, count("height", height), 1).expand(-1, 1, height, width)
    columns = coins(n, 1, 1, count("width", width)).expand(-1, 1, height, width)
    across = coins(n, 1, 1, 1)
    x = torch.where(across.bool(), rows, columns).to(torch.uint8).contiguous()
    held = max(1, n // 10)
    tensors = (x, across.flatten()) if labels else (x,)
    train, validation, test = cut(tensors, (n - 2 * held, held, held))
    origin = {"source": "pushforward.data.bars", "seed": seed}
    names = ("columns", "rows") if labels else ()
    return Dataset("bars", Pixels(1, height, width, 2), train, validation, test, origin, names)
