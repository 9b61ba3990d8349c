"""The four energies in the plane that flows are tried on: p(z) = e^{-U(z)} / Z.

    w1 = sin(pi z1 / 2),   w2 = 3 exp(-((z1 - 1) / 0.6)^2 / 2),   w3 = 3 sigmoid((z1 - 1) / 0.3)
    U1 = ((|z| - 2) / 0.4)^2 / 2 - log(exp(-((z1 - 2) / 0.6)^2 / 2) + exp(-((z1 + 2) / 0.6)^2 / 2))
    U2 = ((z2 - w1) / 0.4)^2 / 2
    U3 = -log(exp(-((z2 - w1) / 0.35)^2 / 2) + exp(-((z2 - w1 + w2) / 0.35)^2 / 2))
    U4 = -log(exp(-((z2 - w1) / 0.4)^2 / 2) + exp(-((z2 - w1 + w3) / 0.35)^2 / 2))

Variational Inference with Normalizing Flows (Rezende & Mohamed, 2015), arXiv:1505.05770, table 1.
Differs from the paper: U2, U3, U4 go on for ever along z1, so a soft wall, half the square of
(|z1| - 4)_+ / 0.2, is added to make densities of them; Z is summed on a grid.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ..core.contract import Density
from ..core.spaces import Reals

REACH, SIDE = 6.0, 601


class PlaneEnergy(Density):
    """One of the four, as a density over Reals((2,)) that is given and not learned.

    Args:
        number: 1, 2, 3 or 4, as in the paper.
    """

    log_normaliser: Tensor

    def __init__(self, number: int):
        super().__init__(Reals((2,)))
        if number not in (1, 2, 3, 4):
            raise ValueError(f"the energies are numbered 1, 2, 3 and 4; there is no {number!r}")
        self.number = number
        points, cell = _grid()
        total = (-self.energy(points)).logsumexp(0) + math.log(cell)
        self.register_buffer("log_normaliser", total.to(torch.get_default_dtype()))

    def energy(self, z: Tensor) -> Tensor:
        """U(z), with the wall, (batch,)."""
        wall = _half_square((z[:, 0].abs() - 4).clamp_min(0), 0.2)
        return (_U1, _U2, _U3, _U4)[self.number - 1](z) + wall

    def log_prob(self, x: Tensor) -> Tensor:
        """log p(x) in nats, (batch,)."""
        return -self.energy(x) - self.log_normaliser

    def sample(self, n: int) -> Tensor:
        """`n` draws from the cells of the grid, uniform within each."""
        points, _ = _grid()
        chosen = torch.multinomial((-self.energy(points)).softmax(0), n, replacement=True)
        jitter = (torch.rand(n, 2, dtype=points.dtype) - 0.5) * (2 * REACH / (SIDE - 1))
        return (points[chosen] + jitter).to(self.device, self.dtype)


def _grid() -> tuple[Tensor, float]:
    side = torch.linspace(-REACH, REACH, SIDE, dtype=torch.float64)
    return torch.cartesian_prod(side, side), float(side[1] - side[0]) ** 2


def _half_square(distance: Tensor, scale: float) -> Tensor:
    return 0.5 * (distance / scale) ** 2


def _either(one: Tensor, other: Tensor) -> Tensor:
    """-log(e^-one + e^-other)."""
    return -torch.logaddexp(-one, -other)


def _wave(z: Tensor) -> Tensor:
    return z[:, 1] - torch.sin(math.pi * z[:, 0] / 2)


def _U1(z: Tensor) -> Tensor:
    ring = _half_square(z.norm(dim=1) - 2, 0.4)
    return ring + _either(_half_square(z[:, 0] - 2, 0.6), _half_square(z[:, 0] + 2, 0.6))


def _U2(z: Tensor) -> Tensor:
    return _half_square(_wave(z), 0.4)


def _U3(z: Tensor) -> Tensor:
    bump = 3 * torch.exp(-_half_square(z[:, 0] - 1, 0.6))
    return _either(_half_square(_wave(z), 0.35), _half_square(_wave(z) + bump, 0.35))


def _U4(z: Tensor) -> Tensor:
    step = 3 * torch.sigmoid((z[:, 0] - 1) / 0.3)
    return _either(_half_square(_wave(z), 0.4), _half_square(_wave(z) + step, 0.35))
