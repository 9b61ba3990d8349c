"""Nearest neighbours in feature space, chunked: the k closest references of every sample.

    |x - y|^2 = |x|^2 + |y|^2 - 2 x.y

The product does the work of the distances at the speed of a matrix multiplication, but cancels
where points nearly coincide, which is just where copies of training data are found. So it only
proposes neighbours; the distances that are returned are of the differences themselves.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from ..core.spaces import count
from .features import Batches, Features, features_as_given, pair

CHUNK = 1024


def squared_norms(x: Tensor) -> Tensor:
    """Squared lengths (n,)."""
    return torch.linalg.vector_norm(x, dim=1).square()


def blocks(x: Tensor, y: Tensor) -> Iterator[tuple[int, int, Tensor]]:
    """Blocks |x_i - y_j|^2 - |x_i|^2 of at most CHUNK x CHUNK, with their first row and column."""
    y_norms = squared_norms(y)
    for row in range(0, len(x), CHUNK):
        chunk = x[row : row + CHUNK]
        for column in range(0, len(y), CHUNK):
            part = slice(column, column + CHUNK)
            yield row, column, torch.addmm(y_norms[part], chunk, y[part].T, alpha=-2)


def refined(x: Tensor, y: Tensor, index: Tensor) -> Tensor:
    """Distances |x_i - y_index[i, j]| (n, k), from differences."""
    parts = [
        torch.linalg.vector_norm(a.unsqueeze(1) - y[i], dim=2)
        for a, i in zip(x.split(64), index.split(64))
    ]
    return torch.cat(parts)


def check_k(k: int, references: int) -> int:
    """Returns k; raises ValueError where there are not that many references."""
    if count("k", k) > references:
        raise ValueError(f"k = {k} neighbours cannot be found among {references}: lower k")
    return k


def nearest_features(x: Tensor, y: Tensor, k: int = 1) -> tuple[Tensor, Tensor]:
    """Distances and indices (n, k) of the k rows of y closest to every row of x, ascending."""
    wanted = min(check_k(k, len(y)) + 2, len(y))  # some more: rounding may have swapped the last
    centre = y.mean(0)
    near: dict[int, tuple[Tensor, Tensor]] = {}
    for row, column, block in blocks(x - centre, y - centre):
        value, index = block.topk(min(wanted, block.shape[1]), largest=False)
        index = index + column
        if row in near:
            value, index = (torch.cat(both, 1) for both in zip(near[row], (value, index)))
            value, order = value.topk(min(wanted, value.shape[1]), largest=False)
            index = index.gather(1, order)
        near[row] = value, index
    index = torch.cat([found for _, found in near.values()])
    distance, order = refined(x, y, index).sort(1)
    return distance[:, :k], index.gather(1, order)[:, :k]


@torch.no_grad()
def nearest(
    samples: Batches, train: Batches, extractor: Features = features_as_given, k: int = 1
) -> tuple[Tensor, Tensor]:
    """Distances and indices (n, k) of the k training examples nearest to every sample.

    Raises ValueError for NaN, different dimensions, or k larger than the training set.

    >>> nearest(torch.tensor([[0.9]]), torch.tensor([[0.0], [1.0]]))[1]
    tensor([[1]])
    """
    return nearest_features(*pair(samples, train, extractor, least=1), k)
