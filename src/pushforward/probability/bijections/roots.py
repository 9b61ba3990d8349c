"""Roots of increasing functions, for inverses without a formula."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Function = Callable[[Tensor], Tensor]


def solve_increasing(f: Function, slope: Function, low: Tensor, high: Tensor) -> Tensor:
    """The x in [low, high] with f(x) = 0, everywhere at once, for an increasing `f`.

    Halving brings x to the dtype's precision without gradients; one Newton step with the slope held
    fixed then carries the implicit function's gradient, dx = -df / f'(x).
    """
    with torch.no_grad():
        low, high = low.clone(), high.clone()
        for _ in range(60 if low.dtype == torch.float64 else 32):
            middle = (low + high) / 2
            above = f(middle) > 0
            low, high = torch.where(above, low, middle), torch.where(above, middle, high)
        x = (low + high) / 2
        steepness = slope(x)
    return x - f(x) / steepness
