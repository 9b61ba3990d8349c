"""Monotone rational-quadratic splines: K bins in [-B, B], the identity outside.

With xi = (x - x_k) / w_k in bin k, slopes d_k at the knots and s_k = h_k / w_k:

    z = y_k + h_k [s_k xi^2 + d_k xi (1 - xi)] / [s_k + (d_k + d_{k+1} - 2 s_k) xi (1 - xi)]

The inverse is the root of a quadratic, so both directions cost the same.

Neural Spline Flows (Durkan et al., 2019), arXiv:1906.04032, eqs. 4-8.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from ...core.spaces import count
from .elementwise import Elementwise

LEAST = 1e-3  # of a bin's share and of a slope
UNIT = math.log(math.expm1(1 - LEAST))  # what softplus makes a slope of 1


class Spline(Elementwise):
    """A spline of `bins` bins in [-bound, bound] whose 3 bins - 1 parameters a network gives.

    They are the logits of the widths, of the heights, and the inner slopes before a softplus. At
    zero the spline is the identity only nearly: its inner slopes are log 2 + 0.001.
    """

    def __init__(self, bins: int = 8, bound: float = 3.0):
        super().__init__()
        self.bins, self.bound = count("bins", bins, 2), bound
        self.arity = 3 * bins - 1

    def _knots(self, logits: Tensor) -> tuple[Tensor, Tensor]:
        """Left ends and sizes of the bins, (batch, bins, ...)."""
        shares = LEAST + (1 - LEAST * self.bins) * logits.softmax(1)
        sizes = 2 * self.bound * shares
        return sizes.cumsum(1) - sizes - self.bound, sizes

    def _bin(self, v: Tensor, parameters: Tensor, inverse: bool) -> list[Tensor]:
        """x_k, w_k, y_k, h_k, d_k, d_{k+1} of the bin that each of `v` lies in."""
        widths, heights, slopes = parameters.split([self.bins, self.bins, self.bins - 1], 1)
        lefts, w = self._knots(widths)
        bottoms, h = self._knots(heights)
        ends = (0, 0) * (v.dim() - 1)
        first = F.pad(slopes, (*ends, 1, 0), value=UNIT)
        last = F.pad(slopes, (*ends, 0, 1), value=UNIT)
        edges = bottoms if inverse else lefts
        k = (v.unsqueeze(1) >= edges[:, 1:]).sum(1, keepdim=True)
        found = [t.gather(1, k).squeeze(1) for t in (lefts, w, bottoms, h, first, last)]
        return [*found[:4], *(LEAST + F.softplus(d) for d in found[4:])]

    def forward(self, x: Tensor, parameters: Tensor) -> tuple[Tensor, Tensor]:
        """z and log dz/dx."""
        inside = x.abs() <= self.bound
        left, w, bottom, h, d, d_next = self._bin(x, parameters, inverse=False)
        xi = ((x - left) / w).clamp(0, 1)
        s, cross = h / w, xi * (1 - xi)
        below = s + (d + d_next - 2 * s) * cross
        z = bottom + h * (s * xi**2 + d * cross) / below
        slope = _log_slope(s, d, d_next, xi, cross, below)
        return torch.where(inside, z, x), torch.where(inside, slope, 0.0)

    def inverse(self, z: Tensor, parameters: Tensor) -> tuple[Tensor, Tensor]:
        """x and log dx/dz."""
        inside = z.abs() <= self.bound
        left, w, bottom, h, d, d_next = self._bin(z, parameters, inverse=True)
        s, rise = h / w, (z - bottom).clamp_min(0).minimum(h)
        bend = rise * (d + d_next - 2 * s)
        a, b, c = h * (s - d) + bend, h * d - bend, -s * rise
        # The root that does not cancel: a may vanish, b + sqrt does not.
        xi = (-2 * c / (b + (b**2 - 4 * a * c).clamp_min(0).sqrt())).clamp(0, 1)
        cross = xi * (1 - xi)
        below = s + (d + d_next - 2 * s) * cross
        slope = _log_slope(s, d, d_next, xi, cross, below)
        return torch.where(inside, left + xi * w, z), torch.where(inside, -slope, 0.0)


def _log_slope(
    s: Tensor, d: Tensor, d_next: Tensor, xi: Tensor, cross: Tensor, below: Tensor
) -> Tensor:
    """log dz/dx (eq. 5)."""
    above = d_next * xi**2 + 2 * s * cross + d * (1 - xi) ** 2
    return 2 * s.log() + above.log() - 2 * below.log()
