"""Attributes as directions: how nearly is what one sees a linear function of a code?

    value ~ a + <d, code>,        explained = 1 - residual variance / variance, on held-out halves

A code whose attributes are directions can be edited by adding: that StyleGAN's w is more linear
than z is what its mapping is for. Directions come from ridge regression on one half of the codes,
and are judged on the other.

InterFaceGAN (Shen et al., 2020), arXiv:1907.10786, section 3.1 (there a linear classifier of two
kinds; here values, ordered or 0 and 1); Karras, Laine and Aila (2019), arXiv:1812.04948, section
4.2.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Direction(NamedTuple):
    """A step of length one by which an attribute grows, (numbers of a code,), and how well it is
    explained: 1 where it is linear, at most 0 where nothing is.
    """

    vector: Tensor
    explained: float
    slope: float
    """By how much the attribute should grow for a step."""

    def moved(self, codes: Tensor, steps: float | Tensor) -> Tensor:
        """Codes (n, ...) moved by so many steps."""
        return codes + steps * self.vector.to(codes).view(codes.shape[1:])


def attribute_direction(codes: Tensor, values: Tensor, ridge: float = 1e-2) -> Direction:
    """The direction of `values` (n,) in `codes` (n, ...), whose even ones fit and odd ones judge.

    Args:
        codes: of samples.
        values: of the attribute in them.
        ridge: how much the squared weights cost, in units of a code's variance.

    Raises ValueError for other shapes, fewer than 8 samples, or an attribute that never varies.
    """
    if values.shape != (len(codes),) or codes.dim() < 2:
        shapes = f"{tuple(codes.shape)} and {tuple(values.shape)}"
        raise ValueError(f"codes must be (n, ...) and values (n,), not {shapes}")
    if len(codes) < 8:
        raise ValueError(f"a direction needs at least 8 samples, not {len(codes)}")
    x, y = codes.flatten(1).double(), values.double()
    fit, judge = slice(0, None, 2), slice(1, None, 2)
    if min(y[fit].var(), y[judge].var()) == 0:
        raise ValueError("an attribute that is the same in all samples has no direction")
    weights = _ridge(x[fit], y[fit], ridge)
    guess = y[fit].mean() + (x[judge] - x[fit].mean(0)) @ weights
    left = (y[judge] - guess).square().mean() / y[judge].var(correction=0)
    length = weights.norm().clamp(min=torch.finfo(torch.float64).tiny)
    return Direction(weights / length, 1 - left.item(), length.item())


def _ridge(x: Tensor, y: Tensor, ridge: float) -> Tensor:
    """argmin_w |y - <w, x>|^2 / n + ridge |w|^2 var(x), of centred x and y."""
    centred = x - x.mean(0)
    cost = ridge * centred.square().mean() * len(x)
    matrix = centred.T @ centred + cost * torch.eye(x.shape[1]).to(x)
    return torch.linalg.solve(matrix, centred.T @ (y - y.mean()))
