"""Masks as graphs: the product of a network's masks counts the ways from inputs to outputs.

    (M_L ... M_1)[d, e] = number of paths of ones from input e to output d

A path contributes the product of its weights and slopes to d output_d / d input_e. Where there is
no path that derivative is 0 for all weights: a strictly triangular product has such a Jacobian.

MADE (Germain et al., 2015), arXiv:1502.03509, eqs. 10-13.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor


def path_counts(masks: Sequence[Tensor]) -> Tensor:
    """How many paths lead from each input to each output, (outputs, inputs), int64.

    `masks` (out, in) of zeros and ones come in the order in which the layers act. Raises ValueError
    where two do not fit.
    """
    if not masks:
        raise ValueError("at least one mask is needed")
    counts = torch.eye(masks[0].shape[1], dtype=torch.int64)
    for mask in masks:
        if mask.dim() != 2 or mask.shape[1] != len(counts):
            raise ValueError(f"a mask of shape {tuple(mask.shape)} follows {len(counts)} units")
        counts = mask.to(torch.int64) @ counts
    return counts


def degree_masks(degrees: Sequence[Tensor]) -> list[Tensor]:
    """MADE's masks for degrees of inputs (1 .. D), of each hidden layer, and of outputs (1 .. D).

    A unit sees units of at most its own degree, an output those of a smaller degree than its own.
    """
    *below, out = degrees
    inner = [(b[:, None] >= a) for a, b in pairwise(below)]
    return [m.to(torch.int64) for m in (*inner, out[:, None] > below[-1])]
