"""Densities in the plane."""

from __future__ import annotations

import torch
from torch import Tensor

from ..core.contract import Density


@torch.no_grad()
def on_a_grid(density: Density, reach: float, side: int = 121) -> tuple[Tensor, Tensor]:
    """The coordinates (side,) from -reach to reach, and p(x) over their square, (side, side)."""
    at = torch.linspace(-reach, reach, side, dtype=density.dtype, device=density.device)
    points = torch.cartesian_prod(at, at)
    return at.cpu(), density.log_prob(points).exp().reshape(side, side).T.cpu()
