"""Kernel density estimation, with the bandwidth that predicts each point from all others best.

    p(x) = (1/n) sum_j N(x; x_j, h^2 I)
    h = argmax sum_i log (1/(n-1)) sum_{j != i} N(x_i; x_j, h^2 I)

The likelihood of the points themselves would be infinite at h = 0; without its own kernel each is a
datum that was held out. Given r_ij, the share that kernel j has in predicting x_i, the best h^2 is
a mean of squares, so that EM finds it and no step ever lowers what is maximised:

    r_ij = N(x_i; x_j, h^2 I) / sum_{k != i} N(x_i; x_k, h^2 I),
    h^2 <- sum_{i, j != i} r_ij |x_i - x_j|^2 / (n D)

On Estimation of a Probability Density Function and Mode (Parzen, 1962); On the Choice of Smoothing
Parameters for Parzen Estimators (Duin, 1976), IEEE Transactions on Computers 25.
Differs: one bandwidth for all directions, found by EM.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from ...core.catalogue import example, system
from ...core.contract import Density, Player, Terms
from ...core.spaces import Reals, count
from ...objectives import checks
from ...probability.seeding import distances

CHUNK = 2**22  # numbers of (data, points) at a time


class KernelDensity(Density):
    """A ball of one width on every point of the first batch: give `Recipe(batch_size=None)`.

    Args:
        features: length of a datum, or its shape.
        points: how many points are kept at most, the first of the batch.
        bandwidth: the balls' width, in units of the data; found by EM where None.

    Raises ValueError for a wrong argument; in training, for fewer than two points, and where so
    many points coincide that the best width is 0.
    """

    points: Tensor
    kept: Tensor

    def __init__(
        self,
        features: int | tuple[int, ...],
        points: int = 10_000,
        bandwidth: float | None = None,
    ):
        space = Reals(features if isinstance(features, tuple) else (count("features", features),))
        super().__init__(space)
        self.found = bandwidth is None
        width = 1.0 if bandwidth is None else checks.positive_number("bandwidth", bandwidth)
        # A parameter, so that it belongs to a player; it moves by EM, not by gradient.
        self.log_bandwidth = nn.Parameter(torch.tensor(math.log(width)), requires_grad=False)
        self.register_buffer("points", torch.zeros(count("points", points), space.dims))
        self.register_buffer("kept", torch.zeros((), dtype=torch.int64))

    @property
    def bandwidth(self) -> float:
        """The balls' width, in units of the data."""
        return self.log_bandwidth.exp().item()

    def log_prob(self, x: Tensor) -> Tensor:
        """Log p(x) in nats, (batch,)."""
        centres = self._centres()
        parts = x.flatten(1).split(max(1, CHUNK // len(centres)))
        sums = [self._kernels(distances(part, centres)).logsumexp(1) for part in parts]
        return torch.cat(sums) - math.log(len(centres))

    def sample(self, n: int) -> Tensor:
        """`n` data: a point, and noise of the bandwidth."""
        centres = self._centres()
        x = centres[torch.randint(len(centres), (n,), device=self.device)]
        return (x + self.log_bandwidth.exp() * torch.randn_like(x)).view(-1, *self.space.shape)

    def players(self) -> tuple[Player, ...]:
        """One, who keeps the points and moves the bandwidth."""
        return (Player("kernels", self, update=self.update),)

    @torch.no_grad()
    def update(self, x: Tensor) -> Terms:
        """Keeps the first batch, then one step of EM: {"leave_one_out": ()}, nats before it."""
        self._keep(self.space.check(x).flatten(1))
        centres = self._centres()
        nats, square = torch.zeros_like(self.log_bandwidth), torch.zeros_like(self.log_bandwidth)
        for rows in torch.arange(len(centres), device=self.device).split(
            max(1, CHUNK // len(centres))
        ):
            apart = distances(centres[rows], centres)
            kernels = self._kernels(apart)
            kernels[torch.arange(len(rows)), rows] = -torch.inf
            nats += kernels.logsumexp(1).sum()
            square += (kernels.softmax(1) * apart).sum()
        if self.found:
            self._move(square / centres.numel())
        return {"leave_one_out": math.log(len(centres) - 1) - nats / len(centres)}

    def _keep(self, x: Tensor) -> None:
        if self.kept:
            return
        if len(x) < 2:
            raise ValueError("a bandwidth needs at least two points: raise the batch size")
        if not x.isfinite().all():
            raise ValueError("the data hold numbers that are not finite: leave those out")
        n = min(len(x), len(self.points))
        self.points[:n] = x[:n]
        self.kept.fill_(n)
        if self.found:  # Scott's rule, of which EM goes on
            width = x[:n].var(0).mean().sqrt() * n ** (-1 / (self.space.dims + 4))
            self._move(width**2)

    def _move(self, square: Tensor) -> None:
        if not square > 0:
            raise ValueError(
                "every point coincides with another, and their best bandwidth is 0: give "
                "`bandwidth`, or dequantise the data"
            )
        self.log_bandwidth.copy_(square.log() / 2)

    def _centres(self) -> Tensor:
        return self.points[: max(1, int(self.kept))]

    def _kernels(self, square: Tensor) -> Tensor:
        """Log N of squared distances, in nats."""
        constant = self.log_bandwidth + math.log(2 * math.pi) / 2
        return -square * (-2 * self.log_bandwidth).exp() / 2 - self.space.dims * constant


system("kernel-density", lecture=1, title="Kernel density", paper="Parzen, 1962; Duin, 1976")


@example(data="moons")
def kernel_density() -> KernelDensity:
    """The smallest instance."""
    return KernelDensity(2, points=64)
