"""Additive couplings on integers: a bijection of Z^D, and no determinant at all.

    z_a = x_a,    z_b = x_b + round(t(x_a)),       P(x) = P_z(f(x))

Rounding is not undone; it need not be, because the inverse rounds the same number again.

Integer Discrete Flows (Hoogeboom et al., 2019), arXiv:1905.07376, eqs. 6-8.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Shift = Callable[[Tensor], Tensor]


def integers_moved(x: Tensor, shift: Shift) -> Tensor:
    """Integers (batch, D): the second half moved by what `shift` says of the first."""
    copied, moved = _halves(x)
    return torch.cat([copied, moved + shift(copied.double()).round().to(x.dtype)], 1)


def integers_back(z: Tensor, shift: Shift) -> Tensor:
    """The inverse of `integers_moved`."""
    copied, moved = _halves(z)
    return torch.cat([copied, moved - shift(copied.double()).round().to(z.dtype)], 1)


def _halves(x: Tensor) -> tuple[Tensor, Tensor]:
    if x.is_floating_point() or x.shape[1] < 2:
        raise ValueError(f"at least two integers a row, not {tuple(x.shape)} of {x.dtype}")
    return x[:, : x.shape[1] // 2], x[:, x.shape[1] // 2 :]
