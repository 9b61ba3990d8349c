"""A Gaussian that a linear field carries: continuous change of variables in closed form.

    dx/dt = A x:    x(t) = e^{tA} x(0),    N(m, S) -> N(e^{tA} m, e^{tA} S e^{tA'})
    d/dt log p(x(t), t) = -tr A            (instantaneous change of variables)

The second line is the continuity equation, dp/dt = -div(p v), along the path of a point: the point
moves with the field, so that what is left of dp/dt is -p div v. No determinant is computed, though
det e^{tA} = e^{t tr A} is what a flow in one step would need.

Neural Ordinary Differential Equations (Chen et al., 2018), arXiv:1806.07366, theorem 1.
"""

from __future__ import annotations

import torch
from torch import Tensor

from pushforward.core.catalogue import system

system(
    "instantaneous-change",
    lecture=12,
    kind="theory",
    title="Instantaneous change of variables: a Gaussian under a linear field",
    paper="Chen et al. (2018), arXiv:1806.07366, theorem 1",
)


def carried_gaussian(
    mean: Tensor, cov: Tensor, matrix: Tensor, time: float = 1.0
) -> tuple[Tensor, Tensor]:
    """Mean (d,) and covariance (d, d) at `time` of N(mean, cov) under dx/dt = matrix x.

    Raises ValueError where the matrix (d, d) does not fit.
    """
    _fitting(mean, matrix)
    carried = torch.linalg.matrix_exp(time * matrix)
    return carried @ mean, carried @ cov @ carried.mT


def carried_log_prob(
    x: Tensor, log_prob: Tensor, matrix: Tensor, time: float = 1.0
) -> tuple[Tensor, Tensor]:
    """Where points x (n, d) are at `time`, and their log density (n,), given it at the start.

    >>> x, still = torch.zeros(1, 2), torch.eye(2)
    >>> carried_log_prob(x, torch.tensor([0.0]), still, time=0.5)[1]
    tensor([-1.])
    """
    _fitting(x[0], matrix)
    return x @ torch.linalg.matrix_exp(time * matrix).mT, log_prob - time * matrix.trace()


def _fitting(point: Tensor, matrix: Tensor) -> None:
    if matrix.shape != (len(point), len(point)):
        raise ValueError(
            f"a linear field of {len(point)} numbers is a square matrix of as many rows, "
            f"not {tuple(matrix.shape)}"
        )
