"""Sums of a kernel within and between two sets, for the given labelling and for permuted ones.

    xx = w'Kw,    xy = w'K(1 - w),    yy = (1 - w)'K(1 - w),    w_i = 1 where i belongs to x

Under the hypothesis that both sets come from one distribution every labelling is as likely, so the
share of permuted statistics at least as large as the given one is an exact p-value (Gretton et al.,
2012, section 5). Rows of K are made in chunks: (n + m)^2 numbers are never held.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ..core.spaces import count

Kernel = Callable[[Tensor, Tensor], Tensor]
ROWS = 512


def labellings(n: int, total: int, permutations: int, seed: int) -> Tensor:
    """Which examples count as x: (total, 1 + permutations), the given labelling first."""
    count("permutations", permutations, least=0)
    generator = torch.Generator().manual_seed(seed)
    labels = torch.zeros(total, 1 + permutations, dtype=torch.float64)
    labels[:n, 0] = 1
    for i in range(permutations):
        labels[torch.randperm(total, generator=generator)[:n], 1 + i] = 1
    return labels


def kernel_sums(
    kernel: Kernel, x: Tensor, y: Tensor, permutations: int = 0, seed: int = 0
) -> tuple[Tensor, Tensor, Tensor]:
    """Sums of the kernel over x-x, x-y and y-y pairs (1 + permutations,), diagonals included."""
    both = torch.cat([x, y]).double()
    w = labellings(len(x), len(both), permutations, seed).to(both.device)
    within, touching = (w.new_zeros(w.shape[1]) for _ in range(2))
    everything = w.new_zeros(())
    for row in range(0, len(both), ROWS):
        block, mine = kernel(both[row : row + ROWS], both), w[row : row + ROWS]
        within += (mine * (block @ w)).sum(0)
        sums = block.sum(1)
        touching += sums @ mine
        everything += sums.sum()
    return within, touching - within, everything - 2 * touching + within


def p_value(statistics: Tensor) -> float:
    """The share of all labellings whose statistic is at least that of the first, the given one."""
    # Rounding may set equal statistics of equivalent labellings apart.
    slack = 1e-12 * statistics.abs().max()
    return (statistics >= statistics[0] - slack).double().mean().item()


def noted(statistics: Tensor, permutations: int) -> tuple[str, ...]:
    """The p-value as a note, where permutations were asked for."""
    if not permutations:
        return ()
    return (f"p = {p_value(statistics):.4g} over {permutations} permutations",)
