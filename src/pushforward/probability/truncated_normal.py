"""Normal numbers that are drawn again until they lie within a threshold.

z ~ N(0, 1) given |z| <= t
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

RARE = 0.05  # below, nearly all would be drawn again: draws are by the inverse of the distribution


def truncated_normal(
    shape: tuple[int, ...],
    threshold: float,
    device: torch.device | str | None = None,
    dtype: torch.dtype | None = None,
) -> Tensor:
    """Independent draws of that shape; what falls outside is drawn again, by itself.

    Raises ValueError unless the threshold is a positive number.
    """
    if not isinstance(threshold, int | float) or not 0 < threshold < math.inf:
        raise ValueError(
            f"the threshold of a truncated normal must be positive and finite, not {threshold!r}"
        )
    if threshold < RARE:
        reach = math.erf(threshold / math.sqrt(2))
        even = (2 * torch.rand(shape, device=device, dtype=dtype) - 1) * reach
        return torch.erfinv(even).mul(math.sqrt(2)).clamp(-threshold, threshold)
    z = torch.randn(shape, device=device, dtype=dtype).flatten()
    while len(outside := (z.abs() > threshold).nonzero()[:, 0]):
        z[outside] = torch.randn(len(outside), device=device, dtype=dtype)
    return z.view(shape)
