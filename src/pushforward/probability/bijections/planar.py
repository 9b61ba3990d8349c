"""Planar bijections: space stretched along one direction, across one hyperplane.

    z = x + u tanh(w.x + b),    log|det| = log|1 + (1 - tanh^2(w.x + b)) w.u|

It is invertible where w.u > -1, which holds by construction: u is moved along w so that
w.u becomes -1 + log(1 + e^{w.u}). The inverse needs one root on a line.

Variational Inference with Normalizing Flows (Rezende & Mohamed, 2015), arXiv:1505.05770, eqs. 10-12
and appendix A.1.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .bijection import Bijection, check_context
from .roots import solve_increasing


class Amortised(nn.Module):
    """Numbers that are learned as they are, or given by a linear layer of a context."""

    def __init__(self, numbers: int, context: int, std: float = 0.1):
        super().__init__()
        self.width = context
        self.start = nn.Parameter(torch.randn(numbers) * std)
        self.linear = nn.Linear(context, numbers, bias=False) if context else None

    def forward(self, context: Tensor | None, batch: int) -> Tensor:
        """(batch or 1, numbers)."""
        check_context(context if self.width else None, self.width, batch)
        return self.start[None] if self.linear is None else self.start + self.linear(context)


class Planar(Bijection):
    """One planar step of vectors (batch, features), by numbers or by a context."""

    def __init__(self, features: int, context: int = 0):
        super().__init__()
        self.features, self.context = features, context
        self.numbers = Amortised(2 * features + 1, context)

    def _direction(self, context: Tensor | None, batch: int) -> tuple[Tensor, Tensor, Tensor]:
        """u (made invertible), w and b."""
        numbers = self.numbers(context, batch)
        u, w, b = numbers.split([self.features, self.features, 1], 1)
        along = (w * u).sum(1, keepdim=True)
        # not in the paper: w of length 0 would divide by zero
        u = u + (F.softplus(along) - 1 - along) * w / (w**2).sum(1, keepdim=True).clamp_min(1e-12)
        return u, w, b

    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Data to noise: z, and log|det dz/dx| (batch,)."""
        u, w, b = self._direction(context, len(x))
        bend = torch.tanh((w * x).sum(1, keepdim=True) + b)
        stretch = 1 + (1 - bend**2) * (w * u).sum(1, keepdim=True)
        return x + u * bend, stretch.log().squeeze(1)

    def inverse(self, z: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Noise to data: x, and log|det dx/dz| (batch,)."""
        u, w, b = self._direction(context, len(z))
        along, there = ((w * v).sum(1, keepdim=True) for v in (u, z))
        here = solve_increasing(
            lambda a: a + along * torch.tanh(a + b) - there,
            lambda a: 1 + along * (1 - torch.tanh(a + b) ** 2),
            there - along.abs(),
            there + along.abs(),
        )
        bend = torch.tanh(here + b)
        return z - u * bend, -(1 + (1 - bend**2) * along).log().squeeze(1)
