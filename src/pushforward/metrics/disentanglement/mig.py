"""The mutual information gap: is each factor told by one latent, and by no other?

    MIG = (1/K) sum_k ( I(z_j; v_k) - max_{j' != j} I(z_j'; v_k) ) / H(v_k),
    j = argmax_j I(z_j; v_k)

1 is perfect, 0 chance. Nothing is fitted, and a rotation of the code is seen.

Isolating Sources of Disentanglement in Variational Autoencoders (Chen et al., 2018),
arXiv:1802.04942, eq. 6.
Differs from the paper: information is that of a histogram of posterior means (Locatello et al.,
2019, arXiv:1811.12359), not of draws, so that a code needs no density.
"""

from __future__ import annotations

from torch import Tensor

from ..measurement import Measurement
from .codes import bins_for, checked, entropy, gap, information, ranks, score, varying


def mutual_information_gap(codes: Tensor, factors: Tensor, bins: int | None = None) -> Measurement:
    """MIG of codes (n, latent) of factors (n, factors).

    `bins` of equal width for each latent; None takes 20, or as many as a factor has values. Raises
    ValueError for other shapes, NaN, or where no factor varies.
    """
    z, v = checked(codes, factors)
    v = v[:, varying(v)]
    number = bins_for(v, bins)
    entropies = [entropy(ranks(column)[0].bincount().double() / len(v)) for column in v.T]
    gaps = gap(information(z, v, number))
    value = sum((g / h).item() for g, h in zip(gaps, entropies)) / len(gaps)
    return score("MIG", value, z, f"{number} bins")
