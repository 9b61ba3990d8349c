"""The histogram as a model: cells of one size, counted, before a broad normal.

    p(x) = n_j / (n + a) / volume  +  a / (n + a) N(x; m, s^2)         for x in cell j of a box
    p(x) = (outside + a) / (n + a) N(x; m, s^2)                        together with it, elsewhere

The first term is the maximum of the likelihood. The second, with the weight of `a` data more, gives
what lies outside the box a density, and an empty cell one that is not 0. In D dimensions there are
bins^D cells: twice as many bins on each side want 2^D times the data.

The error's theorem is `theory.squared_error_bound`; Wasserman (2006), "All of Nonparametric
Statistics", section 6.2.
Differs from the book: the normal, about the middle of the box with half its sides as deviations.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from ...core.catalogue import example, system
from ...core.contract import Density, Player, Terms
from ...core.spaces import Reals, count
from ...objectives import checks

MOST = 2**24  # cells that fit into memory


class Histogram(Density):
    """Counts of the cells of a box, which the first batch spans: give `Recipe(1, None)`.

    Args:
        features: length of a datum, or its shape.
        bins: cells along each dimension.
        smoothing: a, the weight of the normal, in data.

    Raises ValueError for more cells than memory holds.
    """

    low: Tensor
    high: Tensor
    started: Tensor

    def __init__(self, features: int | tuple[int, ...], bins: int = 20, smoothing: float = 1.0):
        space = Reals(features if isinstance(features, tuple) else (count("features", features),))
        super().__init__(space)
        self.bins, dims = count("bins", bins), space.dims
        self.smoothing = checks.positive_number("smoothing", smoothing)
        if dims * math.log(bins) > math.log(MOST):
            raise ValueError(
                f"{bins} bins in {dims} dimensions are {bins}^{dims} cells, and at most {MOST:,} "
                "can be counted: take fewer bins, or a model that shares what it learns"
            )
        # Parameters, so that they belong to a player; they move by counting, not by gradient.
        self.counts = nn.Parameter(torch.zeros(bins**dims), requires_grad=False)
        self.outside = nn.Parameter(torch.zeros(()), requires_grad=False)
        self.register_buffer("low", -torch.ones(dims))
        self.register_buffer("high", torch.ones(dims))
        self.register_buffer("started", torch.zeros((), dtype=torch.bool))

    def players(self) -> tuple[Player, ...]:
        """One, who counts."""
        return (Player("counts", self, update=self.count),)

    @torch.no_grad()
    def count(self, x: Tensor) -> Terms:
        """Adds a batch to the counts; returns {"nll": (batch,)} in nats, after it."""
        x = self.space.check(x)
        flat = x.flatten(1)
        if not self.started:
            self._span(flat)
        inside = self._inside(flat)
        cells = self._cells(flat[inside])
        self.counts.scatter_add_(0, cells, torch.ones_like(cells, dtype=self.counts.dtype))
        self.outside.add_((~inside).sum())
        return {"nll": -self.log_prob(x)}

    def log_prob(self, x: Tensor) -> Tensor:
        """Log p(x) in nats, (batch,)."""
        flat = x.flatten(1)
        inside = self._inside(flat)
        volume = (self.high - self.low).log().sum()
        in_cells = self.counts[self._cells(flat)].log() - volume + math.log(len(self.counts))
        in_cells = torch.where(inside, in_cells, -torch.inf)
        broad = self._normal().log_prob(flat).sum(1) + (self.outside + self.smoothing).log()
        return torch.logaddexp(in_cells, broad) - self._weight().log()

    def sample(self, n: int) -> Tensor:
        """`n` data: uniform in a cell, or of the normal."""
        masses = torch.cat([self.counts, (self.outside + self.smoothing)[None]])
        place = masses.double().cumsum(0)  # multinomial takes at most 2^24 cells
        at = torch.rand(n, device=self.device, dtype=torch.float64) * place[-1]
        cell = torch.searchsorted(place, at, right=True).clamp_max(len(self.counts))
        sides = (self.bins,) * self.space.dims
        where = torch.stack(torch.unravel_index(cell.clamp_max(len(self.counts) - 1), sides), 1)
        x = self.low + (where + torch.rand_like(self.low.expand(n, -1))) * self._widths()
        broad = self._normal().sample((n,))
        return torch.where((cell < len(self.counts))[:, None], x, broad).view(-1, *self.space.shape)

    def _span(self, x: Tensor) -> None:
        """The box from the least to the greatest of each feature; one of width 1 for a constant."""
        if not x.isfinite().all():
            raise ValueError("the data hold numbers that are not finite: leave those out")
        low, high = x.amin(0), x.amax(0)
        flat = (low == high) / 2
        self.low.copy_(low - flat)
        self.high.copy_(high + flat)
        self.started.fill_(True)

    def _weight(self) -> Tensor:
        return self.counts.sum() + self.outside + self.smoothing

    def _widths(self) -> Tensor:
        return (self.high - self.low) / self.bins

    def _inside(self, x: Tensor) -> Tensor:
        return ((x >= self.low) & (x <= self.high)).all(1)

    def _cells(self, x: Tensor) -> Tensor:
        """Which cell holds each of x, or the nearest to it: int64 (batch,), in C's order."""
        each = ((x - self.low) / self._widths()).floor().clamp(0, self.bins - 1).long()
        strides = self.bins ** torch.arange(self.space.dims - 1, -1, -1, device=x.device)
        return (each * strides).sum(1)

    def _normal(self) -> torch.distributions.Normal:
        middle, half = (self.low + self.high) / 2, (self.high - self.low) / 2
        return torch.distributions.Normal(middle, half)


system("histogram", lecture=1, title="Histogram", paper="Wasserman, 2006, section 6.2")


@example(data="moons")
def histogram_of_moons() -> Histogram:
    """The smallest instance."""
    return Histogram(2, bins=8)
