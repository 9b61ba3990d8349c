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
are shares of held-out examples; importance is the impurity that splits at a latent take away. As
there, the trees' depth is found by validation, for each factor: trees that grow until they fit the
noise of an axis-aligned code split at every latent, and make it look entangled. It is the least
whose accuracy is within a standard error of the best (Breiman et al., 1984, section 3.4.3); where
none beats guessing by two, no latent is important. Tables of disentanglement_lib, which
boosts trees of depth 3, show lower numbers for noisy codes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...core.spaces import count
from ..measurement import Measurement
from .codes import checked, entropy, ranks, score, varying

DEEPEST = 16  # levels of a tree
PATIENCE = 4  # levels without a better accuracy, after which none is hoped for


@dataclass(frozen=True)
class DCI:
    """The three scores."""

    disentanglement: Measurement
    completeness: Measurement
    informativeness: Measurement


def dci(codes: Tensor, factors: Tensor, trees: int = 10, seed: int = 0) -> DCI:
    """The scores of codes (n, latent) of factors (n, factors).

    Forests of `trees` are fitted to half of the examples, in an order drawn by `seed`, and measured
    on the other. Raises ValueError for other shapes, NaN, or where no factor varies.
    """
    z, v = checked(codes, factors)
    order = torch.randperm(len(z), generator=torch.Generator().manual_seed(seed))
    z, v = z[order], v[order][:, varying(v)]
    fitted = [forest(z, ranks(column)[0], count("trees", trees), seed) for column in v.T]
    importance = torch.stack([f[0] for f in fitted], 1)
    told = sum(f[1] for f in fitted) / len(fitted)
    about = f"{trees} trees of validated depth"
    return DCI(
        score("DCI disentanglement", disentanglement(importance), z, about),
        score("DCI completeness", completeness(importance), z, about),
        score("DCI informativeness", told, z, about),
    )


def forest(codes: Tensor, factor: Tensor, trees: int, seed: int) -> tuple[Tensor, float]:
    """The importance of each latent (latent,), and 1 - error / error of guessing."""
    half = len(codes) // 2
    x, y = codes.numpy(), factor.numpy()
    model = validated(x[:half], y[:half], trees, seed)
    if model is None:
        return torch.zeros(codes.shape[1], dtype=torch.float64), 0.0
    right = float((model.predict(x[half:]) == y[half:]).mean())
    guess = (factor[half:] == factor[:half].mode().values).double().mean().item()
    told = (right - guess) / (1 - guess) if guess < 1 else 0.0
    return torch.from_numpy(model.feature_importances_), told


def validated(x: Any, y: Any, trees: int, seed: int) -> Any:
    """The shallowest forest that tells y (n,) from x (n, latent) as well as any; None where
    guessing does.

    Two thirds of the examples grow the trees, a third validates them.
    """
    cut = 2 * len(x) // 3
    guess = float((y[cut:] == np.bincount(y[:cut]).argmax()).mean())
    found: list[tuple[float, Any]] = []
    for depth in range(1, DEEPEST + 1):
        model = _grown(x[:cut], y[:cut], trees, depth, seed)
        found.append((float(model.score(x[cut:], y[cut:])), model))
        since = depth - 1 - max(range(depth), key=lambda i: found[i][0])
        if since == PATIENCE or max(tree.get_depth() for tree in model.estimators_) < depth:
            break
    best = max(right for right, _ in found)
    error = math.sqrt(best * (1 - best) / (len(x) - cut))
    if best <= guess + 2 * error:
        return None
    return next(model for right, model in found if right >= best - error)


def _grown(x: Any, y: Any, trees: int, depth: int, seed: int) -> Any:
    from sklearn.ensemble import RandomForestClassifier

    # All latents are looked at in every split: else trees split at noise for want of better.
    model = RandomForestClassifier(trees, max_depth=depth, max_features=None, random_state=seed)
    return model.fit(x, y)


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
