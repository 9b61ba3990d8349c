"""Couplings: a part that is copied says how the other part is moved.

    z_a = x_a,    z_b = g(x_b; m(x_a)),    log|det| = sum log dg/dx_b

The inverse runs the very same network m forwards, so m may be anything at all. With an additive g
it is NICE's, with an affine g RealNVP's, with splines NSF's, with mixture CDFs Flow++'s.

Density estimation using Real NVP (Dinh, Sohl-Dickstein, Bengio, 2017), arXiv:1605.08803, eqs. 7-9.
"""

from __future__ import annotations

from torch import Tensor, nn

from ...nn.sums import per_example
from .bijection import Bijection, beside
from .elementwise import Affine, Elementwise
from .splits import Halves, Split


class Coupling(Bijection):
    """Moves a part of the datum, by parameters that a network computes from the copied part.

    Args:
        net: from the copied part (with the context joined to its channels) to `arity` parameters
            for every number that moves, (batch, arity * moved channels, ...).
        split: which part is copied and which moves.
        map: how a number is moved.
        context: width of the context, 0 for none.
    """

    def __init__(
        self,
        net: nn.Module,
        split: Split | None = None,
        map: Elementwise | None = None,
        context: int = 0,
    ):
        super().__init__()
        self.net: nn.Module = net
        self.split = split or Halves()
        self.map = map or Affine()
        self.context = context

    def parameters_for(self, copied: Tensor, context: Tensor | None) -> Tensor:
        """What moves the moved part: (batch, arity, moved channels, ...)."""
        raw = self.net(beside(copied, context, self.context)).to(copied.dtype)
        return raw.unflatten(1, (self.map.arity, -1))

    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Data to noise: z, and log|det dz/dx| (batch,)."""
        copied, moved = self.split.apart(x)
        moved, slope = self.map(moved, self.parameters_for(copied, context))
        return self.split.join(copied, moved), per_example(slope)

    def inverse(self, z: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Noise to data: x, and log|det dx/dz| (batch,)."""
        copied, moved = self.split.apart(z)
        moved, slope = self.map.inverse(moved, self.parameters_for(copied, context))
        return self.split.join(copied, moved), per_example(slope)


class ContextAffine(Bijection):
    """The whole datum moved by a network of the context alone: a conditional diagonal Gaussian.

    Args:
        net: from the context to (batch, 2 * channels).
        context: width of the context.
    """

    def __init__(self, net: nn.Module, context: int):
        super().__init__()
        self.net: nn.Module = net
        self.map = Affine()
        self.context = context

    def _shift_and_scale(self, x: Tensor, context: Tensor | None) -> Tensor:
        raw = self.net(beside(x[:, :0].flatten(1), context, self.context)).to(x.dtype)
        raw = raw.unflatten(1, (2, -1))
        return raw.reshape(*raw.shape, *[1] * (x.dim() - 2)).expand(-1, -1, *x.shape[1:])

    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Data to noise: z, and log|det dz/dx| (batch,)."""
        z, slope = self.map(x, self._shift_and_scale(x, context))
        return z, per_example(slope)

    def inverse(self, z: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Noise to data: x, and log|det dx/dz| (batch,)."""
        x, slope = self.map.inverse(z, self._shift_and_scale(z, context))
        return x, per_example(slope)
