"""Sylvester bijections: planar ones in M directions at once.

    z = x + Q R tanh(S Q^T x + b),    log|det| = sum_i log(1 + h'_i r_ii s_ii)

Q has orthonormal columns (a product of Householder reflections), R and S are upper triangular.
Sylvester's identity makes the determinant one of an M x M triangular matrix. It is invertible
where r_ii s_ii > -1: the diagonals are tanh of free numbers. The inverse goes up the triangle, a
root on a line per row.

Sylvester Normalizing Flows (van den Berg et al., 2018), arXiv:1803.05649, eqs. 8-13 and section 4.2
(Householder).
"""

from __future__ import annotations

import torch
from torch import Tensor

from ...core.spaces import count
from .bijection import Bijection
from .planar import Amortised
from .roots import solve_increasing


class Sylvester(Bijection):
    """One Sylvester step of vectors (batch, features), by numbers or by a context.

    Args:
        features: length of the vectors.
        rank: M, the number of directions, at most `features`.
        reflections: Householder reflections that make Q.
        context: width of the context, or 0.
    """

    def __init__(self, features: int, rank: int, reflections: int = 2, context: int = 0):
        super().__init__()
        if not 1 <= rank <= features:
            raise ValueError(f"rank must lie in 1 .. {features} (the features), not {rank}")
        self.features, self.rank, self.context = features, rank, context
        self.reflections = count("reflections", reflections)
        sizes = [reflections * features, rank**2, rank**2, rank]
        self.sizes = sizes
        self.numbers = Amortised(sum(sizes), context)

    def _matrices(self, context: Tensor | None, batch: int) -> tuple[Tensor, ...]:
        """Q (n, features, M), R and S (n, M, M), b (n, M), where n is 1 or the batch."""
        v, r, s, b = self.numbers(context, batch).split(self.sizes, 1)
        q = torch.eye(self.features, self.rank, device=v.device, dtype=v.dtype)[None]
        for axis in v.unflatten(1, (self.reflections, self.features)).unbind(1):
            axis = axis / axis.norm(dim=1, keepdim=True).clamp_min(1e-12)
            q = q - 2 * axis[:, :, None] * _times(q.mT, axis)[:, None]
        r, s = (_triangle(m.unflatten(1, (self.rank, self.rank))) for m in (r, s))
        return q, r, s, b

    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Data to noise: z, and log|det dz/dx| (batch,)."""
        q, r, s, b = self._matrices(context, len(x))
        bend = torch.tanh(_times(s, _times(q.mT, x)) + b)
        return x + _times(q, _times(r, bend)), _log_det(bend, r, s)

    def inverse(self, z: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Noise to data: x, and log|det dx/dz| (batch,)."""
        q, r, s, b = self._matrices(context, len(z))
        there = _times(q.mT, z)
        here: list[Tensor] = []  # Q^T x from the last row up
        bends: list[Tensor] = []
        for i in reversed(range(self.rank)):
            known, bent = _stacked(here, z), _stacked(bends, z)
            shift = (s[:, i, i + 1 :] * known).sum(1) + b[:, i]
            goal = there[:, i] - (r[:, i, i + 1 :] * bent).sum(1)
            a = _root(goal, r[:, i, i], s[:, i, i], shift)
            here.insert(0, a)
            bends.insert(0, torch.tanh(s[:, i, i] * a + shift))
        bend = torch.stack(bends, 1)
        return z - _times(q, _times(r, bend)), -_log_det(bend, r, s)


def _triangle(m: Tensor) -> Tensor:
    return m.triu(1) + torch.diag_embed(torch.tanh(m.diagonal(dim1=1, dim2=2)))


def _times(matrix: Tensor, v: Tensor) -> Tensor:
    """In full precision, for what is lost here is lost to the inverse."""
    with torch.autocast(v.device.type, enabled=False):
        return (matrix @ v[:, :, None]).squeeze(2)


def _stacked(rows: list[Tensor], like: Tensor) -> Tensor:
    return torch.stack(rows, 1) if rows else like[:, :0]


def _log_det(bend: Tensor, r: Tensor, s: Tensor) -> Tensor:
    diagonal = r.diagonal(dim1=1, dim2=2) * s.diagonal(dim1=1, dim2=2)
    return (1 + (1 - bend**2) * diagonal).log().sum(1)


def _root(goal: Tensor, r: Tensor, s: Tensor, shift: Tensor) -> Tensor:
    """The a with a + r tanh(s a + shift) = goal."""
    return solve_increasing(
        lambda a: a + r * torch.tanh(s * a + shift) - goal,
        lambda a: 1 + r * s * (1 - torch.tanh(s * a + shift) ** 2),
        goal - r.abs(),
        goal + r.abs(),
    )
