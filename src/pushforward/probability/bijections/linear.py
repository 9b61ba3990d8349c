"""Linear bijections of the channels: a scale, a matrix, a matrix by its LU or QR factors.

    z = W x at every place,    log|det| = h w log|det W|
    W = P L (U + diag(s)),     log|det W| = sum log|s|
    W = Q (U + diag(s)),       log|det W| = sum log s,    Q = H_1 .. H_c,  H = I - 2 v v' / |v|^2

The matrix generalises a permutation of the channels and, on images, is a 1x1 convolution; on
vectors it is a linear layer.

Glow (Kingma & Dhariwal, 2018), arXiv:1807.03039, section 3.2, eqs. 9-11; QR: Emerging Convolutions
(Hoogeboom et al., 2019), arXiv:1901.11137; the scale is NICE's (Dinh et al., 2014),
arXiv:1410.8516, section 3.3.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ...core.spaces import count
from .bijection import Bijection, places


class Scale(Bijection):
    """z = e^s x, a factor per feature."""

    def __init__(self, features: int):
        super().__init__()
        self.log_scale = nn.Parameter(torch.zeros(count("features", features)))

    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Data to noise: z, and log|det dz/dx| (batch,)."""
        return x * self.log_scale.exp(), self.log_scale.sum().expand(len(x))

    def inverse(self, z: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Noise to data: x, and log|det dx/dz| (batch,)."""
        return z * (-self.log_scale).exp(), -self.log_scale.sum().expand(len(z))


class Mixing(Bijection):
    """A matrix along the channels, which starts as a random rotation."""

    def __init__(self, channels: int):
        super().__init__()
        rotation = torch.linalg.qr(torch.randn(count("channels", channels), channels))[0]
        self.weight = nn.Parameter(rotation)

    def matrix(self) -> Tensor:
        """W."""
        return self.weight

    def matrix_inverse(self) -> Tensor:
        """W^-1."""
        return torch.linalg.inv(self.weight)

    def log_volume(self) -> Tensor:
        """log|det W|."""
        return torch.linalg.slogdet(self.weight)[1]

    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Data to noise: z, and log|det dz/dx| (batch,)."""
        return _mix(x, self.matrix()), self.log_volume().mul(places(x)).expand(len(x))

    def inverse(self, z: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Noise to data: x, and log|det dx/dz| (batch,)."""
        return _mix(z, self.matrix_inverse()), -self.log_volume().mul(places(z)).expand(len(z))


class LUMixing(Mixing):
    """The same by its LU factors, whose determinant costs nothing."""

    permutation: Tensor
    signs: Tensor

    def __init__(self, channels: int):
        super().__init__(channels)
        permutation, lower, upper = torch.linalg.lu(self.weight.detach())
        del self.weight
        self.register_buffer("permutation", permutation)
        self.register_buffer("signs", upper.diagonal().sign())
        self.lower = nn.Parameter(lower.tril(-1))
        self.upper = nn.Parameter(upper.triu(1))
        self.log_scale = nn.Parameter(upper.diagonal().abs().log())

    def _factors(self) -> tuple[Tensor, Tensor]:
        lower = self.lower.tril(-1) + torch.eye(len(self.lower)).to(self.lower)
        return lower, self.upper.triu(1) + torch.diag(self.signs * self.log_scale.exp())

    def matrix(self) -> Tensor:
        """W = P L U."""
        lower, upper = self._factors()
        with torch.autocast(lower.device.type, enabled=False):
            return self.permutation @ (lower @ upper)

    def matrix_inverse(self) -> Tensor:
        """W^-1 = U^-1 L^-1 P^T, by substitution."""
        lower, upper = self._factors()
        half = torch.linalg.solve_triangular(
            lower, self.permutation.t(), upper=False, unitriangular=True
        )
        return torch.linalg.solve_triangular(upper, half, upper=True)

    def log_volume(self) -> Tensor:
        """log|det W| = sum log|s|."""
        return self.log_scale.sum()


class QRMixing(Mixing):
    """The same by its QR factors: every matrix is one, and none of them is singular.

    Q is a product of as many Householder reflections as there are channels.
    """

    def __init__(self, channels: int):
        super().__init__(channels)
        del self.weight
        self.axes = nn.Parameter(torch.randn(channels, channels))
        self.upper = nn.Parameter(torch.zeros(channels, channels))
        self.log_scale = nn.Parameter(torch.zeros(channels))

    def _factors(self) -> tuple[Tensor, Tensor]:
        q = torch.eye(len(self.axes)).to(self.axes)
        for axis in self.axes / self.axes.norm(dim=1, keepdim=True).clamp_min(1e-12):
            q = q - 2 * (q @ axis)[:, None] * axis
        return q, self.upper.triu(1) + torch.diag(self.log_scale.exp())

    def matrix(self) -> Tensor:
        """W = Q R."""
        with torch.autocast(self.axes.device.type, enabled=False):
            q, upper = self._factors()
            return q @ upper

    def matrix_inverse(self) -> Tensor:
        """W^-1 = R^-1 Q^T, by substitution."""
        with torch.autocast(self.axes.device.type, enabled=False):
            q, upper = self._factors()
            return torch.linalg.solve_triangular(upper, q.t(), upper=True)

    def log_volume(self) -> Tensor:
        """log|det W| = sum log s."""
        return self.log_scale.sum()


def _mix(x: Tensor, matrix: Tensor) -> Tensor:
    """W x at every place; in full precision, for what is lost here is lost to the inverse."""
    with torch.autocast(x.device.type, enabled=False):
        # Channels come to lie last, where all places are the rows of one product.
        return (x.movedim(1, -1) @ matrix.t()).movedim(-1, 1)
