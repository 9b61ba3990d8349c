"""What networks must make that a user may pass: shapes are looked at, as torch would not say whose.

Torch broadcasts, and convolutions take images of any sides: a generator of 7x7 images could learn
from 8x8 ones for hours, and nobody would be told.
"""

from __future__ import annotations

from torch import Tensor

from ..core.spaces import Pixels, Reals


def made(who: str, x: Tensor, space: Pixels | Reals) -> Tensor:
    """Returns floats (batch, *space.shape); raises ValueError where `who` made others."""
    if x.shape[1:] != space.shape:
        wanted = ", ".join(map(str, space.shape))
        raise ValueError(
            f"{who} must make (batch, {wanted}), one datum of {space} for each row, "
            f"but makes {tuple(x.shape)}"
        )
    return x


def scored(who: str, scores: Tensor, n: int) -> Tensor:
    """Returns scores (batch,) of (batch, 1) or (batch,); raises ValueError for other shapes."""
    if scores.numel() != n:
        raise ValueError(
            f"{who} must give one score for each datum, ({n}, 1) or ({n},), "
            f"but gives {tuple(scores.shape)}"
        )
    return scores.reshape(n)


def read(who: str, out: Tensor, width: int) -> Tensor:
    """Returns (batch, width); raises ValueError where `who` gives rows of another length."""
    if out.dim() != 2 or out.shape[1] != width:
        raise ValueError(f"{who} must give (batch, {width}), but gives {tuple(out.shape)}")
    return out
