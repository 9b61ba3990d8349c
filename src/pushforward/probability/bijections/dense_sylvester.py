"""Dense Sylvester bijections: Sylvester's identity for any two matrices.

    z = x + A tanh(B x + b),    det(I_D + A diag(h') B) = det(I_M + diag(h') B A)

A (D, M) and B (M, D) are free but for their size: each is divided by what its norm has above
sqrt(q), so that A tanh(B x + b) is a contraction with q < 1 and z has one x. With a = B x + b the
inverse is an M-dimensional root, a + B A tanh(a) = B z + b, found by Newton's rule.

Sylvester Normalizing Flows (van den Berg et al., 2018), arXiv:1803.05649, theorem 1.
Differs from the paper, which makes the identity's determinant triangular (`sylvester.py`): here it
is taken as it is, in O(M^3), and invertibility comes of a bound on norms, as in Invertible Residual
Networks (Behrmann et al., 2019), arXiv:1811.00995, theorem 1.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .bijection import Bijection
from .planar import Amortised

MOST = 0.9  # q: the slope of what is added
CALM, QUICK = 40, 8  # steps of the contraction, which lead near the root, and of Newton's rule


class DenseSylvester(Bijection):
    """One dense Sylvester step of vectors (batch, features), by numbers or by a context.

    Args:
        features: D, length of the vectors.
        rank: M, the number of directions, at most `features`.
        context: width of the context, or 0.
    """

    def __init__(self, features: int, rank: int, context: int = 0):
        super().__init__()
        if not 1 <= rank <= features:
            raise ValueError(f"rank must lie in 1 .. {features} (the features), not {rank}")
        self.features, self.rank, self.context = features, rank, context
        self.sizes = [features * rank, features * rank, rank]
        self.numbers = Amortised(sum(self.sizes), context)

    def _parts(self, context: Tensor | None, batch: int) -> tuple[Tensor, Tensor, Tensor]:
        """A (n, D, M), B (n, M, D) and b (n, M), where n is 1 or the batch."""
        a, b, shift = self.numbers(context, batch).split(self.sizes, 1)
        with torch.autocast(a.device.type, enabled=False):
            out = _bounded(a.unflatten(1, (self.features, self.rank)))
            return out, _bounded(b.unflatten(1, (self.rank, self.features))), shift

    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Data to noise: z, and log|det dz/dx| (batch,)."""
        a, b, shift = self._parts(context, len(x))
        with torch.autocast(x.device.type, enabled=False):
            bend = torch.tanh(_times(b, x) + shift)
            return x + _times(a, bend), _small(b @ a, bend).slogdet()[1]

    def inverse(self, z: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Noise to data: x, and log|det dx/dz| (batch,)."""
        a, b, shift = self._parts(context, len(z))
        with torch.autocast(z.device.type, enabled=False):
            bend = torch.tanh(_root(b @ a, _times(b, z) + shift))
            return z - _times(a, bend), -_small(b @ a, bend).slogdet()[1]


def _bounded(matrix: Tensor) -> Tensor:
    """Divided by what its norm has above sqrt(q)."""
    norm = torch.linalg.matrix_norm(matrix, 2)[:, None, None]
    return matrix / (norm / MOST**0.5).clamp_min(1.0)


def _small(product: Tensor, bend: Tensor) -> Tensor:
    """I_M + diag(h') B A, (batch, M, M), of B A and tanh(a)."""
    slope = (1 - bend**2)[:, :, None]
    return torch.eye(bend.shape[1]).to(bend) + slope * product


def _root(product: Tensor, goal: Tensor) -> Tensor:
    """The a (batch, M) with a + B A tanh(a) = goal; its gradients are the implicit function's."""
    with torch.no_grad():
        a = goal
        for _ in range(CALM):
            a = goal - _times(product, torch.tanh(a))
        for _ in range(QUICK):
            a = _newton(product, goal, a)
    return _newton(product, goal, a)


def _newton(product: Tensor, goal: Tensor, a: Tensor) -> Tensor:
    """One step; the slope carries no gradient."""
    bend = torch.tanh(a)
    gap = a + _times(product, bend) - goal
    with torch.no_grad():
        # The slope of a + B A tanh(a), in which h' stands on the right.
        slope = torch.eye(bend.shape[1]).to(bend) + product * (1 - bend**2)[:, None]
    return a - torch.linalg.solve(slope, gap[:, :, None])[:, :, 0]


def _times(matrix: Tensor, v: Tensor) -> Tensor:
    return (matrix @ v[:, :, None]).squeeze(2)
