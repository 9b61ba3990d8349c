"""Negative log-likelihood of held-out data in nats or bits/dim, with its kind and standard error.

    nats = -(1/N) sum_n log p(x_n),    bits/dim = nats / (D log 2)

Models speak the integers of the data, so no constant has to be remembered: the same function
serves an exact density, a bound and an importance-weighted bound, and says which it was.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from ..core.contract import Bounded, Density, Generative, Weighted
from ..core.dataset import Split
from ..core.likelihood import Kind, Likelihood, importance_weighted
from ..core.spaces import count
from .bootstrap import bootstrap_mean

Estimate = Callable[..., Tensor]
DRAWS = 4


def nats(
    model: Generative, split: Split, k: int | None = None, size: int = 256, seed: int = 0
) -> Likelihood:
    """The mean of -log p(x) over a split, in nats per example.

    Args:
        model: one with an exact likelihood or a bound.
        split: what it is measured on.
        k: samples of the importance-weighted bound, for models that have one; None takes the ELBO.
        size: examples in a batch.
        seed: of whatever is drawn; the caller's random state is left as it was.

    Raises:
        ValueError: for a model without a likelihood, `k` for one without importance weights, or a
            split without examples.
    """
    if not len(split):
        raise ValueError("there is nothing to measure on: the split is empty")
    estimate, kind = _estimate(model, k)
    training = model.training
    model.eval()
    with torch.no_grad(), torch.random.fork_rng():
        torch.manual_seed(seed)
        parts = [
            estimate(*b).double().cpu() for b in split.told(model.given).batches(size, model.device)
        ]
    model.train(training)
    return summary(-torch.cat(parts), kind, model.space.dims)


def summary(each: Tensor, kind: Kind, dims: int) -> Likelihood:
    """The mean of -log p(x) (n,) in nats, with its standard error and bootstrap interval."""
    value, n = each.mean().item(), len(each)
    if n < 2 or not bool(torch.isfinite(each).all()):
        return Likelihood(value, kind, math.inf, n, dims)
    error = (each.std(correction=1) / math.sqrt(n)).item()
    low, high, *_ = bootstrap_mean(each)
    return Likelihood(value, kind, error, n, dims, nats_interval=(low, high))


def bits_per_dim(
    model: Generative, split: Split, k: int | None = None, size: int = 256, seed: int = 0
) -> Likelihood:
    """The same as `nats`, in bits per dimension."""
    return replace(nats(model, split, k, size, seed), unit="bits/dim")


def _estimate(model: Generative, k: int | None) -> tuple[Estimate, Kind]:
    name = type(model).__name__
    if k is not None:
        if not isinstance(model, Weighted):
            raise ValueError(f"{name} has no importance weights: leave k out")
        count("k", k)
        return lambda *batch: model.importance_weighted(*batch, k=k), importance_weighted(k)
    if isinstance(model, Density):
        return model.log_prob, model.likelihood
    if isinstance(model, Bounded):
        # Several draws for each example: the same bound, with less noise.
        return lambda *batch: model.elbo(*batch, samples=DRAWS), model.likelihood
    raise ValueError(f"{name} has no likelihood: compare its samples instead")
