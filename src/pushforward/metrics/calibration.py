"""Is a classifier right, and does it know how sure to be?

    accuracy = P(argmax_k p(k | x) = y)
    ECE      = sum_b  n_b / n  |accuracy of bin b - mean confidence of bin b|

Bins are equal parts of [0, 1] for the confidence, max_k p(k | x). ECE is 0 for a classifier whose
answers given with 80 % are right in 80 % of cases; it is biased upwards for few examples.

On Calibration of Modern Neural Networks (Guo et al., 2017), arXiv:1706.04599, eqs. 2-3.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ..core.spaces import count
from .measurement import Measurement

SEEN = "log-probabilities as given"


@dataclass(frozen=True)
class Reliability:
    """Per bin of confidence: how many answers, their mean confidence, their accuracy; (bins,)."""

    counts: Tensor
    confidence: Tensor
    accuracy: Tensor


def accuracy(log_probabilities: Tensor, y: Tensor) -> Measurement:
    """The share of right answers, from log p(y | x) (n, classes) and labels (n,)."""
    right = _right(log_probabilities, y)
    value, n = right.mean().item(), len(right)
    stderr = math.sqrt(value * (1 - value) / n)
    return Measurement("accuracy", value, stderr, n, extractor=SEEN, higher_is_better=True)


def reliability(log_probabilities: Tensor, y: Tensor, bins: int = 15) -> Reliability:
    """What a reliability diagram shows; empty bins have confidence and accuracy 0."""
    right = _right(log_probabilities, y)
    confidence = log_probabilities.double().max(1).values.exp()
    # Bins are closed on the right, as in the paper: 1 belongs to the last.
    index = (confidence * count("bins", bins)).ceil().long().sub(1).clamp(0, bins - 1)
    counts = torch.bincount(index, minlength=bins)
    sums = (torch.bincount(index, weights, minlength=bins) for weights in (confidence, right))
    return Reliability(counts, *(total / counts.clamp(min=1) for total in sums))


def calibration_error(log_probabilities: Tensor, y: Tensor, bins: int = 15) -> Measurement:
    """The expected calibration error, from log p(y | x) (n, classes) and labels (n,)."""
    table = reliability(log_probabilities, y, bins)
    gap = (table.accuracy - table.confidence).abs()
    value = (table.counts * gap).sum().item() / len(y)
    return Measurement("ECE", value, None, len(y), extractor=SEEN, settings=f"{bins} bins")


def _right(log_probabilities: Tensor, y: Tensor) -> Tensor:
    if log_probabilities.dim() != 2 or y.shape != log_probabilities.shape[:1] or not len(y):
        shapes = f"{tuple(log_probabilities.shape)} and {tuple(y.shape)}"
        raise ValueError(f"log-probabilities (n, classes) need labels (n,), not {shapes}")
    off = log_probabilities.double().logsumexp(1).abs().max().item()
    if not off < 1e-3:
        raise ValueError(f"log-probabilities must sum to 1 in each row: off by {off:.3g} nats")
    return (log_probabilities.argmax(1) == y).double()
