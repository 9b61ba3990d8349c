"""DCI: disentanglement, completeness and informativeness, from what a regressor pays heed to.

    R_ij   importance of latent i for predicting factor j          P_ij = R_ij / sum_k R_ik
    D      sum_i rho_i (1 - H_K(P_i.)),    rho_i = sum_j R_ij / sum R    a latent has one factor
    C      sum_j rho_j (1 - H_D(P'_.j)),   P'_ij = R_ij / sum_k R_kj     a factor has one latent
    I      1 - error / error of guessing                                the code tells the factors

H_K is the entropy to the base of the number of factors, H_D to that of latents. 1 is perfect,
0 chance.

A Framework for the Quantitative Evaluation of Disentangled Representations (Eastwood & Williams,
ICLR 2018), section 2.
Differs from the paper: every factor is a class that a forest of decision trees predicts, and errors
are shares of held-out examples; importance is the impurity that splits at a latent take away.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ...core.spaces import count
from ..measurement import Measurement
from .codes import checked, entropy, ranks, score, varying


@dataclass(frozen=True)
class DCI:
    """The three scores."""

    disentanglement: Measurement
    completeness: Measurement
    informativeness: Measurement


def dci(codes: Tensor, factors: Tensor, trees: int = 10, seed: int = 0) -> DCI:
    """The scores of codes (n, latent) of factors (n, factors).

    Forests of `trees` are fitted to the first half of the examples and measured on the second.
    Raises ValueError for other shapes, NaN, or where no factor varies.
    """
    z, v = checked(codes, factors)
    v = v[:, varying(v)]
    fitted = [forest(z, ranks(column)[0], count("trees", trees), seed) for column in v.T]
    importance = torch.stack([f[0] for f in fitted], 1)
    told = sum(f[1] for f in fitted) / len(fitted)
    about = f"{trees} trees"
    return DCI(
        score("DCI disentanglement", disentanglement(importance), z, about),
        score("DCI completeness", completeness(importance), z, about),
        score("DCI informativeness", told, z, about),
    )


def forest(codes: Tensor, factor: Tensor, trees: int, seed: int) -> tuple[Tensor, float]:
    """The importance of each latent (latent,), and 1 - error / error of guessing."""
    from sklearn.ensemble import RandomForestClassifier

    half = len(codes) // 2
    x, y = codes.numpy(), factor.numpy()
    # All latents are looked at in every split: else trees split at noise for want of better.
    model = RandomForestClassifier(trees, max_features=None, random_state=seed)
    model.fit(x[:half], y[:half])
    right = float((model.predict(x[half:]) == y[half:]).mean())
    guess = (factor[half:] == factor[:half].mode().values).double().mean().item()
    told = (right - guess) / (1 - guess) if guess < 1 else 0.0
    return torch.from_numpy(model.feature_importances_), told


def disentanglement(importance: Tensor) -> float:
    """D of R (latent, factors), which is not negative; 0 for R of zeros."""
    return _pure(importance)


def completeness(importance: Tensor) -> float:
    """C of R (latent, factors), which is not negative; 0 for R of zeros."""
    return _pure(importance.T)


def _pure(table: Tensor) -> float:
    """1 - the entropy of each row, to the base of its length, weighted by the row's sum."""
    weight = table.sum(1)
    if weight.sum() == 0:
        return 0.0
    shares = table / weight.clamp(min=1e-300)[:, None]
    spread = entropy(shares) / math.log(max(2, table.shape[1]))
    return ((1 - spread) * weight).sum().item() / weight.sum().item()
