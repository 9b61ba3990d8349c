"""Histograms of data in the unit cube: the maximum of the likelihood, and its error.

    p(x) = n_j / (n h^d)        for x in cell j,  h = 1 / bins

    E int (p_hat - p)^2 <= d L^2 h^2 + 1 / (n h^d)          for p with |p(x) - p(y)| <= L |x - y|

The first term is the price of wide cells, the second of empty ones. The best h makes the sum fall
like n^(-2 / (d + 2)): halving the error takes 2^((d + 2) / 2) times the data.

Wasserman (2006), "All of Nonparametric Statistics", section 6.2 (there for d = 1).
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..core.spaces import count
from ..objectives import checks


def histogram(x: Tensor, bins: int) -> Tensor:
    """Heights (bins, ..., bins) of the histogram of data (n, d) in the unit cube.

    Raises ValueError for data outside of it.
    """
    cells = cell_of(x, bins)
    dims, n = x.shape[1], len(x)
    strides = bins ** torch.arange(dims - 1, -1, -1)
    counts = torch.bincount((cells * strides).sum(1), minlength=bins**dims)
    return (counts.to(x.dtype) * bins**dims / n).view([bins] * dims)


def cell_of(x: Tensor, bins: int) -> Tensor:
    """Which cell holds each of the data (n, d): (n, d), 0 .. bins - 1."""
    bins = count("bins", bins)
    x = checks.samples("x", x, least=1)
    if bool((x < 0).any()) or bool((x > 1).any()):
        raise ValueError(f"data must lie in [0, 1], not in [{x.min():g}, {x.max():g}]")
    return (x * bins).long().clamp(max=bins - 1)


def squared_error_bound(n: int, bins: int, dims: int, lipschitz: float) -> float:
    """The bound above on the expected integrated squared error, in the density's units squared."""
    n, bins, dims = count("n", n), count("bins", bins), count("dims", dims)
    checks.positive_number("lipschitz", lipschitz)
    return dims * (lipschitz / bins) ** 2 + bins**dims / n
