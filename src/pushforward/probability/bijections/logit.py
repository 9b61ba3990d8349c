"""The logit: from the unit interval to the real line, kept off the ends.

    y = alpha + (1 - 2 alpha) x,    z = log y - log(1 - y)
    log dz/dx = log(1 - 2 alpha) - log y - log(1 - y)

Real NVP (Dinh et al., 2017), arXiv:1605.08803, section 4.1 (there alpha + (1 - alpha) x, which
touches the upper end).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from ...nn.sums import per_example
from .bijection import Bijection


class Logit(Bijection):
    """Numbers in [0, 1] to real numbers; the inverse is within [-alpha, 1 + alpha] at most."""

    def __init__(self, alpha: float = 0.05):
        super().__init__()
        if not 0 <= alpha < 0.5:
            raise ValueError(f"alpha must lie in [0, 0.5), not {alpha}")
        self.alpha = alpha

    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Data to noise: z, and log|det dz/dx| (batch,)."""
        edge = torch.finfo(x.dtype).eps  # only alpha below it ever gets there
        y = (self.alpha + (1 - 2 * self.alpha) * x).clamp(edge, 1 - edge)
        low, high = y.log(), torch.log1p(-y)
        return low - high, per_example(math.log1p(-2 * self.alpha) - low - high)

    def inverse(self, z: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Noise to data: x, and log|det dx/dz| (batch,)."""
        x = (torch.sigmoid(z) - self.alpha) / (1 - 2 * self.alpha)
        slope = F.logsigmoid(z) + F.logsigmoid(-z) - math.log1p(-2 * self.alpha)
        return x, per_example(slope)
