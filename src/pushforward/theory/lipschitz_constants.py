"""How steep a network can be: products of layers' norms, and what power iteration finds of them.

    |f_L o ... o f_1|_L <= prod_l |f_l|_L,        |x -> W x + b|_L = sigma(W)

A rectifier, leaky or not, has constant one, so a network's is at most the product of the largest
singular values of its layers. The bound is reached only where the layers' most stretched directions
meet: sigma(W_2 W_1) <= sigma(W_2) sigma(W_1), mostly by far. Power iteration,

    v <- W^T u / |W^T u|,    u <- W v / |W v|,    sigma ~ u^T W v,

comes nearer by (sigma_2 / sigma_1)^2 a step in u and by its fourth power in sigma's error.

A convolution is a matrix with very many rows. With borders that wrap round, its singular values are
those of K(w), the Fourier transform of the kernel (outputs x inputs) at each frequency w; spectral
normalisation divides by those of the kernel reshaped to (outputs, inputs height width) instead,
from which the truth is at most a factor sqrt(height width) away.

Spectral Normalization (Miyato et al., 2018), arXiv:1802.05957, section 2.1, eqs. 6-7, 18-19;
convolutions: Sedghi, Gupta and Long (2019), arXiv:1805.10408, theorem 6; the factor: Tsuzuku, Sato
and Sugiyama (2018), arXiv:1802.04034.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from pushforward.core.catalogue import system
from pushforward.core.spaces import count

system(
    "lipschitz-product",
    lecture=9,
    kind="theory",
    title="Lipschitz constants: products of singular values, power iteration, convolutions",
    paper="Miyato et al. (2018), arXiv:1802.05957",
)


def product_bound(matrices: Sequence[Tensor]) -> Tensor:
    """The product of the largest singular values of layers (outputs, inputs), ()."""
    if not matrices:
        raise ValueError("a network has at least one layer, none was given")
    return torch.stack([torch.linalg.matrix_norm(w, 2) for w in matrices]).prod()


def power_iteration(
    matrix: Tensor, steps: int, start: Tensor | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """sigma (), u (rows,) and v (columns,) after `steps` iterations from `start` (rows,).

    Without a start, from normal numbers. Raises ValueError for what is no matrix, or a start of
    another length.
    """
    if matrix.dim() != 2:
        raise ValueError(f"power iteration is of a matrix, not of {tuple(matrix.shape)}")
    u = torch.randn(len(matrix)).to(matrix) if start is None else start
    if u.shape != matrix.shape[:1]:
        raise ValueError(f"the start must have {len(matrix)} numbers, not {tuple(u.shape)}")
    v = _unit(matrix.mT @ u)
    for _ in range(count("steps", steps) - 1):
        u = _unit(matrix @ v)
        v = _unit(matrix.mT @ u)
    u = _unit(matrix @ v)
    return u @ matrix @ v, u, v


def _unit(x: Tensor) -> Tensor:
    return x / x.norm().clamp(min=torch.finfo(x.dtype).tiny)


def convolution_norm(kernel: Tensor, height: int, width: int) -> Tensor:
    """The largest singular value, (), of a convolution that wraps round on height x width places.

    Raises ValueError for a kernel that is not (outputs, inputs, rows, columns) or is larger.
    """
    if kernel.dim() != 4 or kernel.shape[2] > height or kernel.shape[3] > width:
        raise ValueError(
            f"a kernel (outputs, inputs, rows, columns) of at most {height} x {width} is needed, "
            f"not {tuple(kernel.shape)}"
        )
    at = torch.fft.fft2(kernel, (height, width)).permute(2, 3, 0, 1)
    return torch.linalg.matrix_norm(at, 2).max()


def reshaped_bounds(kernel: Tensor) -> tuple[Tensor, Tensor]:
    """What the reshaped kernel says of the convolution with borders of zeros, () each.

    sigma / sqrt(rows columns) <= the convolution's norm <= sigma sqrt(rows columns), of which
    the first holds on places enough.
    """
    sigma = torch.linalg.matrix_norm(kernel.flatten(1), 2)
    factor = math.sqrt(kernel.shape[2] * kernel.shape[3])
    return sigma / factor, sigma * factor
