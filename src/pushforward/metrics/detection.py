"""Telling two sets apart by a score: the area under the ROC curve.

    AUROC = P(score of an inlier > score of an outlier) + P(equal) / 2

1/2 is chance; below it the outliers score higher, which is how likelihoods fail: a density may give
more to a simple image that it never saw than to what it was trained on (Nalisnick et al., 2019,
arXiv:1810.09136). The standard error is that of DeLong et al. (1988).
"""

from __future__ import annotations

import math

from torch import Tensor

from .measurement import Measurement


def auroc(inside: Tensor, outside: Tensor) -> Measurement:
    """The AUROC of scores (n,) of inliers over scores (m,) of outliers.

    Raises ValueError for fewer than two of either, and for NaN.
    """
    for name, scores in (("inside", inside), ("outside", outside)):
        if scores.dim() != 1 or len(scores) < 2 or bool(scores.isnan().any()):
            raise ValueError(f"{name} must be scores (n,), n >= 2, without NaN")
    wins = (inside[:, None] > outside).double() + (inside[:, None] == outside).double() / 2
    spread = wins.mean(1).var() / len(inside) + wins.mean(0).var() / len(outside)
    return Measurement(
        "AUROC",
        wins.mean().item(),
        math.sqrt(spread),
        samples=len(outside),
        references=len(inside),
        extractor="scores as given",
        higher_is_better=True,
    )
