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

CHUNK = 1024  # rows of a block
WIDE = 8  # chunks of columns in a block
GROUP = 8  # rows whose minimum is looked at before they are sorted


def squared_norms(x: Tensor) -> Tensor:
    """Squared lengths (n,)."""
    return torch.linalg.vector_norm(x, dim=1).square()


def blocks(x: Tensor, y: Tensor, shift: Tensor) -> Iterator[tuple[slice, slice, Tensor]]:
    """Blocks shift_j - 2 x_i.y_j, CHUNK x WIDE at most, with their rows and columns."""
    for row in range(0, len(x), CHUNK):
        rows = slice(row, min(row + CHUNK, len(x)))
        for column in range(0, len(y), WIDE * CHUNK):
            columns = slice(column, min(column + WIDE * CHUNK, len(y)))
            yield rows, columns, torch.addmm(shift[columns], x[rows], y[columns].T, alpha=-2)


def smallest(block: Tensor, k: int) -> Tensor:
    """The k smallest of every column (k, columns), or all, where there are fewer; ascending.

    They lie in the k groups of rows with the smallest minima, so only these are sorted.
    """
    groups = len(block) // GROUP
    if len(block) % GROUP or groups <= k:
        return block.topk(min(k, len(block)), dim=0, largest=False).values
    grouped = block.unflatten(0, (GROUP, groups))
    which = grouped.amin(0).topk(k, dim=0, largest=False).indices
    near = grouped.gather(1, which.expand(GROUP, -1, -1)).flatten(0, 1)
    return near.topk(k, dim=0, largest=False).values


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
    x_centred, y_centred = x - y.mean(0), y - y.mean(0)
    near: dict[int, tuple[Tensor, Tensor]] = {}
    for rows, columns, block in blocks(x_centred, y_centred, squared_norms(y_centred)):
        value, index = block.topk(min(wanted, block.shape[1]), largest=False)
        index = index + columns.start
        if rows.start in near:
            value, index = (torch.cat(both, 1) for both in zip(near[rows.start], (value, index)))
            value, order = value.topk(min(wanted, value.shape[1]), largest=False)
            index = index.gather(1, order)
        near[rows.start] = value, index
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
