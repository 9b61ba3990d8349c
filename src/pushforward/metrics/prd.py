"""Precision and recall of distributions: the whole curve of what is right against what is covered.

    alpha(l) = sum_w min(l P(w), Q(w)),    beta(l) = sum_w min(P(w), Q(w) / l),    l = tan(angle)

alpha is precision and beta recall, P is real and Q is sampled; w runs over the clusters of k-means
on both sets together. Sajjadi et al. (2018), arXiv:1806.00035, eqs. 2-4 and algorithm 1: 20
clusters, 1,001 angles, the mean over 10 clusterings. In one figure each: the largest F_8 over the
curve (recall weighs more) and the largest F_1/8 (precision weighs more).

    F_b = (1 + b^2) alpha beta / (b^2 alpha + beta)

Differs from the paper: k-means in full batches where it takes mini-batches; unequal counts are
noted where it refuses them.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from ..core.catalogue import system
from ..core.spaces import count
from .bootstrap import normal_interval
from .features import Batches, Features, features_as_given, label, pair
from .measurement import Measurement

system(
    "prd",
    lecture=10,
    kind="metric",
    title="Precision and recall of distributions",
    paper="https://arxiv.org/abs/1806.00035",
)


class PRD(NamedTuple):
    """F_8 (recall), F_1/8 (precision), and the curve they were read from, (angles,) each."""

    f8: Measurement
    f1_8: Measurement
    precision: Tensor
    recall: Tensor


def prd_curve(real: Tensor, sampled: Tensor, angles: int = 1001) -> tuple[Tensor, Tensor]:
    """Precision and recall (angles,) of two histograms (clusters,) that each sum to 1.

    Raises ValueError where a histogram does not sum to 1 or the two differ in length.
    """
    for histogram in (real, sampled):
        if histogram.shape != real.shape or abs(histogram.sum().item() - 1) > 1e-5:
            raise ValueError("a PRD curve needs two histograms of one length that sum to 1")
    steps, end = count("angles", angles, 3), 1e-10
    angle = torch.linspace(end, math.pi / 2 - end, steps, dtype=torch.float64)
    slope = angle.tan().unsqueeze(1)
    precision = torch.minimum(slope * real.double(), sampled.double()).sum(1)
    return precision.clamp(0, 1), (precision / slope.squeeze(1)).clamp(0, 1)


def best_f(precision: Tensor, recall: Tensor, beta: float) -> float:
    """The largest F_beta over a curve; beta above 1 favours recall."""
    weighted = beta**2 * precision + recall
    return ((1 + beta**2) * precision * recall / weighted.clamp(min=1e-30)).max().item()


def histograms(x: Tensor, y: Tensor, clusters: int, seed: int) -> tuple[Tensor, Tensor]:
    """The shares (clusters,) of x and of y in the clusters of both together."""
    from sklearn.cluster import KMeans

    both = torch.cat([x, y]).cpu().numpy()
    found = KMeans(clusters, n_init=1, random_state=seed).fit(both).labels_
    which = torch.from_numpy(found).long()
    return tuple(  # type: ignore[return-value]
        torch.bincount(part, minlength=clusters) / len(part)
        for part in (which[: len(x)], which[len(x) :])
    )


@torch.no_grad()
def precision_recall_curve(
    samples: Batches,
    references: Batches,
    extractor: Features = features_as_given,
    clusters: int = 20,
    runs: int = 10,
    angles: int = 1001,
    seed: int = 0,
) -> PRD:
    """The PRD curve of samples against references, the mean over `runs` clusterings.

    The standard errors are those over clusterings alone. Raises ValueError for NaN, different
    dimensions, or more clusters than examples.
    """
    x, y = pair(samples, references, extractor)
    if count("clusters", clusters, 2) > len(x) + len(y):
        raise ValueError(f"{clusters} clusters cannot be found in {len(x) + len(y)} examples")
    pairs = (histograms(x, y, clusters, seed + i) for i in range(count("runs", runs)))
    curves = [prd_curve(real, sampled, angles) for sampled, real in pairs]

    def figure(name: str, beta: float) -> Measurement:
        each = torch.tensor([best_f(*curve, beta) for curve in curves]).double()
        return summary(name, each, (len(x), len(y)), clusters, extractor)

    precision, recall = (torch.stack(part).mean(0) for part in zip(*curves))
    return PRD(figure("F_8", 8), figure("F_1/8", 1 / 8), precision, recall)


def summary(
    name: str, each: Tensor, counts: tuple[int, int], clusters: int, extractor: Features
) -> Measurement:
    """The mean over clusterings as a measurement."""
    stderr = (each.std() / len(each) ** 0.5).item() if len(each) > 1 else None
    notes = () if counts[0] == counts[1] else (f"sets of unequal size {counts}",)
    about = {**label(extractor), "settings": f"{clusters} clusters, {len(each)} runs"}
    value = each.mean().item()
    about["interval"] = normal_interval(value, stderr, "normal over clusterings alone")
    return Measurement(name, value, stderr, *counts, notes=notes, higher_is_better=True, **about)
