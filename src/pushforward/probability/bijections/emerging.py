"""Emerging convolutions: invertible d x d ones, made of two that are autoregressive.

    z = k_2 * (k_1 * x),    log|det| = h w sum_c log|k_1[c, c, here] k_2[c, c, here]|

k_1 sees what comes before a number in raster order (the channels of a pixel one after the other),
k_2 what comes after it: either Jacobian is triangular, and together they see all around, as a
convolution of twice the reach does. The inverse solves the two triangular systems, pixel by pixel.

Emerging Convolutions for Generative Normalizing Flows (Hoogeboom, van den Berg and Welling, 2019),
arXiv:1901.11137.
Differs from the paper: it starts as the identity.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...core.catalogue import system
from ...core.spaces import count
from .bijection import Bijection, Chain, places

system("emerging-convolution", lecture=4, title="Emerging convolutions", paper="arXiv:1901.11137")


class CausalConv(Bijection):
    """z = k * x over images (batch, c, h, w): a number sees those before it in raster order.

    Args:
        channels: c.
        side: rows above, and columns to the left and (above) to the right, that are seen.
        reverse: the other way round: a number sees those after it.
    """

    mask: Tensor

    def __init__(self, channels: int, side: int = 1, reverse: bool = False):
        super().__init__()
        self.side, self.reverse = count("side", side), reverse
        shape = (count("channels", channels), channels, side + 1, 2 * side + 1)
        self.weight = nn.Parameter(torch.zeros(shape))
        self.log_scale = nn.Parameter(torch.zeros(channels))
        mask = torch.ones(shape)
        mask[:, :, -1, side:] = 0
        mask[:, :, -1, side] = torch.ones(channels, channels).tril(-1)
        self.register_buffer("mask", mask, persistent=False)

    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Data to noise: z, and log|det dz/dx| (batch,)."""
        padded = F.pad(self._turned(x), (self.side, self.side, self.side, 0))
        with torch.autocast(x.device.type, enabled=False):
            here = torch.diag(self.log_scale.exp())
            z = F.conv2d(padded, self._before()) + _at_each(here, self._turned(x))
        return self._turned(z), self._log_det(x)

    def inverse(self, z: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Noise to data: x, and log|det dx/dz| (batch,)."""
        with torch.autocast(z.device.type, enabled=False):
            x = self._turned(self._solved(self._turned(z)))
        return x, -self._log_det(z)

    def _before(self) -> Tensor:
        """The kernel without its diagonal."""
        return self.weight * self.mask

    def _log_det(self, x: Tensor) -> Tensor:
        return self.log_scale.sum().mul(places(x)).expand(len(x))

    def _turned(self, x: Tensor) -> Tensor:
        return x.flip(1, 2, 3) if self.reverse else x

    def _solved(self, z: Tensor) -> Tensor:
        """x with k * x = z: of each pixel, once those before it are known."""
        kernel, side = self._before(), self.side
        centre = kernel[:, :, -1, side] + torch.diag(self.log_scale.exp())
        taps = kernel.permute(2, 3, 0, 1).flatten(0, 1)[: side * (2 * side + 1) + side]
        weight = taps.permute(1, 0, 2).flatten(1)  # of the pixels before, side by side
        rows, columns = z.shape[2:]
        known: dict[tuple[int, int], Tensor] = {}
        zero = torch.zeros_like(z[:, :, 0, 0])
        for i in range(rows):
            for j in range(columns):
                around = [(i + a, j + b) for a in range(-side, 1) for b in range(-side, side + 1)]
                seen = torch.cat([known.get(p, zero) for p in around[: len(taps)]], 1)
                rest = z[:, :, i, j] - seen @ weight.t()
                known[i, j] = torch.linalg.solve_triangular(centre, rest.t(), upper=False).t()
        return torch.stack(list(known.values()), 2).unflatten(2, (rows, columns))


class Emerging(Chain):
    """Two such convolutions, one either way: a convolution of sides 4 side + 1, with an inverse."""

    def __init__(self, channels: int, side: int = 1):
        super().__init__(CausalConv(channels, side), CausalConv(channels, side, reverse=True))


def _at_each(matrix: Tensor, x: Tensor) -> Tensor:
    """matrix x at every place."""
    return torch.einsum("ij,bjhw->bihw", matrix, x)
