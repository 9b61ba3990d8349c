"""SAP: how much better does the best latent predict a factor than the next?

    SAP = (1/K) sum_k ( S_jk - max_{j' != j} S_j'k ),     j = argmax_j S_jk
    S_jk = Cov(z_j, v_k)^2 / (Var z_j Var v_k)                           for an ordered factor
    S_jk = accuracy of thresholds on z_j, balanced over the values       for kinds

1 is perfect, 0 chance.

Separated Attribute Predictability: Variational Inference of Disentangled Latent Concepts from
Unlabeled Observations (Kumar et al., 2018), arXiv:1711.00848, section 3.
Differs from the paper: thresholds stand at the edges of bins of equal width, and accuracies are
rescaled so that guessing is 0 and a perfect code of kinds reaches 1 as well.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..measurement import Measurement
from .codes import bins_for, checked, gap, joint, score, varying


def separated_attribute_predictability(
    codes: Tensor, factors: Tensor, ordered: Sequence[bool] | None = None, bins: int | None = None
) -> Measurement:
    """SAP of codes (n, latent) of factors (n, factors).

    `ordered` says of each factor whether its values have an order (None: all have); `bins` as for
    MIG. Raises ValueError for other shapes, NaN, or where no factor varies.
    """
    z, v = checked(codes, factors)
    order = [True] * v.shape[1] if ordered is None else list(ordered)
    if len(order) != v.shape[1]:
        raise ValueError(f"ordered says {len(order)} times what {v.shape[1]} factors are")
    number, kept = bins_for(v, bins), varying(v).tolist()
    columns = [
        explained(z, f.double()) if o else told_apart(z, f, number)
        for f, o, varies in zip(v.T, order, kept)
        if varies
    ]
    value = gap(torch.stack(columns, 1)).mean().item()
    return score("SAP", value, z, f"{number} bins for kinds")


def explained(codes: Tensor, factor: Tensor) -> Tensor:
    """The squared correlation of each latent with a factor, (latent,); 0 for a constant."""
    z, v = codes - codes.mean(0), factor - factor.mean()
    together = (z * v[:, None]).mean(0).square()
    return (together / (z.square().mean(0) * v.square().mean())).nan_to_num(nan=0.0)


def told_apart(codes: Tensor, factor: Tensor, bins: int) -> Tensor:
    """(A - 1/C) / (1 - 1/C), A the balanced accuracy of each latent for C kinds, (latent,).

    Each bin answers with the kind that most often falls into it: A = (1/C) sum_b max_c p(b | c).
    """
    found = []
    for code in codes.T:
        p = joint(code, factor, bins)
        found.append((p / p.sum(0)).amax(1).sum() / p.shape[1])
    chance = 1 / p.shape[1]
    return (torch.stack(found) - chance) / (1 - chance)
