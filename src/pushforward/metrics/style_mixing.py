"""Style mixing, measured: which factors of an image a group of a generator's layers carries.

    image(w_a, but w_b in the layers of a group)        has whose factor, a's or b's?

Of pairs of images that differ in a factor, the share whose mixture has b's value was swapped by the
group, and the share that still has a's was kept. What reads the factors is a classifier.

Karras, Laine and Aila (2019), arXiv:1812.04948, section 3.1 and figure 3, where this is shown and
not counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from ..core.spaces import count


class Swaps(NamedTuple):
    """For each factor: shares of mixtures with b's value and with a's, and how many pairs differ.

    NaN where no pair differs.
    """

    swapped: Tensor
    kept: Tensor
    pairs: Tensor


@torch.no_grad()
def style_swaps(
    draw: Callable[[Tensor], Tensor],
    factors: Callable[[Tensor], Tensor],
    a: Tensor,
    b: Tensor,
    groups: Mapping[str, Iterable[int]],
    size: int = 100,
) -> dict[str, Swaps]:
    """What mixing b's styles into a's does, for each group of layers.

    Args:
        draw: from styles (batch, layers, style) to images.
        factors: from images to integers (batch, factors).
        a: styles (n, layers, style).
        b: others of the same shape.
        groups: layers by name.
        size: images at a time.

    Raises ValueError for styles of another shape, or layers that are not there.
    """
    if a.dim() != 3 or a.shape != b.shape:
        shapes = f"{tuple(a.shape)} and {tuple(b.shape)}"
        raise ValueError(f"styles must be (n, layers, style) each, not {shapes}")
    layers = {name: sorted(set(group)) for name, group in groups.items()}
    for name, group in layers.items():
        if not group or not 0 <= group[0] <= group[-1] < a.shape[1]:
            raise ValueError(f"layers must be some of 0 .. {a.shape[1] - 1}, not {name}: {group}")

    def read(styles: Tensor) -> Tensor:
        return torch.cat([factors(draw(part)) for part in styles.split(count("size", size))])

    of_a, of_b = read(a), read(b)
    return {name: _swaps(of_a, of_b, read(mixed(a, b, group))) for name, group in layers.items()}


def mixed(a: Tensor, b: Tensor, layers: Iterable[int]) -> Tensor:
    """a's styles (n, layers, style), but b's in some layers."""
    styles = a.clone()
    chosen = list(layers)
    styles[:, chosen] = b[:, chosen]
    return styles


def _swaps(a: Tensor, b: Tensor, now: Tensor) -> Swaps:
    apart = a != b
    pairs = apart.sum(0)
    swapped, kept = ((apart & (now == side)).sum(0) / pairs for side in (b, a))
    return Swaps(swapped, kept, pairs)
