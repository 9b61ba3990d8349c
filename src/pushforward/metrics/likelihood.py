"""Negative log-likelihood of held-out data in nats or bits/dim, with its kind and standard error.

    nats = -(1/N) sum_n log p(x_n),    bits/dim = nats / (D log 2)

Models speak the integers of the data, so no constant has to be remembered: the same function
serves an exact density, a bound, an importance-weighted bound and an ODE's estimate, and says which
it was.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from ..core.contract import Bounded, Density, Estimated, Generative, Weighted
from ..core.dataset import Split
from ..core.likelihood import Kind, Likelihood
from ..core.spaces import Pixels, count
from .bootstrap import bootstrap_mean

Estimate = Callable[..., Tensor]
DRAWS = 4
ESTIMATED = 64  # examples whose ODE is solved, where nobody says how many


def nats(
    model: Generative,
    split: Split,
    k: int | None = None,
    size: int = 256,
    seed: int = 0,
    examples: int | None = None,
    steps: int | None = None,
    probes: int | None = None,
    watch: Callable[[int, int], None] | None = None,
    tolerance: float | None = None,
) -> Likelihood:
    """The mean of -log p(x) over a split, in nats per example.

    Args:
        model: one with an exact likelihood, a bound or an estimate.
        split: what it is measured on.
        k: samples of the importance-weighted bound, for models that have one; None takes the ELBO.
        size: examples in a batch.
        seed: of whatever is drawn; the caller's random state is left as it was.
        examples: the first of the split that are looked at; None takes all, of an estimate 64.
        steps: of an estimate's solver, and
        probes: for its divergence, 0 for none; None leaves both to the model.
        watch: told after each batch how many of how many examples are done.
        tolerance: of an estimate's solver, relative and absolute, in the place of `steps`.

    Raises:
        ValueError: for a model without a likelihood, `k` for one without importance weights,
            `steps`, `probes` or `tolerance` for one that solves no ODE, or an empty split.

    An estimate below 0 of integers is warned of: it is the solver's error.
    """
    if not len(split):
        raise ValueError("there is nothing to measure on: the split is empty")
    estimate, kind = _estimate(model, k, check_solved(model, steps, probes, tolerance))
    if examples is None and isinstance(model, Estimated):
        examples = ESTIMATED
    split = split if examples is None else split.first(count("examples", examples))
    training = model.training
    model.eval()
    with torch.no_grad(), torch.random.fork_rng():
        torch.manual_seed(seed)
        parts: list[Tensor] = []
        for batch in split.told(model.given).batches(size, model.device):
            parts.append(estimate(*batch).double().cpu())
            if watch is not None:
                watch(min(len(parts) * size, len(split)), len(split))
    model.train(training)
    found = summary(-torch.cat(parts), kind, model.space.dims)
    if found.value < 0 and isinstance(model, Estimated) and isinstance(model.space, Pixels):
        warnings.warn(
            f"{found} is below 0, which no probability of integers allows: the flow bends more "
            "than the solver's steps can follow; take more (steps=200, --ode-steps 200)",
            stacklevel=2,
        )
    return found


def summary(each: Tensor, kind: Kind, dims: int) -> Likelihood:
    """The mean of -log p(x) (n,) in nats, with its standard error and bootstrap interval."""
    value, n = each.mean().item(), len(each)
    if n < 2 or not bool(torch.isfinite(each).all()):
        return Likelihood(value, kind, math.inf, n, dims)
    error = (each.std(correction=1) / math.sqrt(n)).item()
    low, high, *_ = bootstrap_mean(each)
    return Likelihood(value, kind, error, n, dims, nats_interval=(low, high))


def bits_per_dim(
    model: Generative,
    split: Split,
    k: int | None = None,
    size: int = 256,
    seed: int = 0,
    examples: int | None = None,
    steps: int | None = None,
    probes: int | None = None,
    watch: Callable[[int, int], None] | None = None,
    tolerance: float | None = None,
) -> Likelihood:
    """The same as `nats`, in bits per dimension."""
    found = nats(model, split, k, size, seed, examples, steps, probes, watch, tolerance)
    return replace(found, unit="bits/dim")


def check_solved(
    model: Generative,
    steps: int | None = None,
    probes: int | None = None,
    tolerance: float | None = None,
) -> dict[str, Any]:
    """What was said of an ODE. Raises ValueError where that contradicts itself or the model."""
    said = {"steps": steps, "probes": probes, "tolerance": tolerance}
    chosen = {name: value for name, value in said.items() if value is not None}
    if chosen and not isinstance(model, Estimated):
        told = " and ".join(chosen)
        raise ValueError(f"{type(model).__name__} solves no ODE here: leave {told} out")
    for name, least in {"steps": 1, "probes": 0}.items():
        count(name, chosen.get(name, least), least)
    if steps is not None and tolerance is not None:
        raise ValueError("an ODE is solved in so many steps, or to a tolerance: give one of both")
    if tolerance is not None and not 0 < tolerance < math.inf:
        raise ValueError(f"a tolerance is a positive number, such as 1e-4, not {tolerance!r}")
    return chosen


def _estimate(model: Generative, k: int | None, chosen: dict[str, Any]) -> tuple[Estimate, Kind]:
    name = type(model).__name__
    if k is not None:
        if not isinstance(model, Weighted):
            raise ValueError(f"{name} has no importance weights: leave k out")
        count("k", k)
        return lambda *batch: model.importance_weighted(*batch, k=k), model.weighted_likelihood(k)
    if isinstance(model, Density):
        return model.log_prob, model.likelihood
    if isinstance(model, Bounded):
        # Several draws for each example: the same bound, with less noise.
        return lambda *batch: model.elbo(*batch, samples=DRAWS), model.likelihood
    if isinstance(model, Estimated):
        kind = model.estimate_kind(**chosen)
        return lambda *batch: model.estimated_log_prob(*batch, **chosen), kind
    raise ValueError(f"{name} has no likelihood: compare its samples instead")
