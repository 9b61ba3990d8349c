"""Annealed importance sampling: log p(x) of a decoder without trusting its encoder.

    f_b(z) = p(z) p(x|z)^b,   0 = b_0 < ... < b_T = 1
    log w = sum_t (b_t - b_{t-1}) log p(x | z_{t-1}),   z_t by Hamiltonian Monte Carlo on f_{b_t}

E w = p(x), so log of the mean over chains is a lower bound in expectation that rises to log p(x).
All chains of all examples move at once. The length of a step is found by chains of a pilot run,
which are then thrown away: a length that went on adapting while the weights are gathered would
depend on the chain's past, no move would leave f_b as it is, and E w would not be p(x).

Annealed Importance Sampling (Neal, 2001); On the Quantitative Analysis of Decoder-Based Generative
Models (Wu et al., 2017), arXiv:1611.04273, section 3.
Differs: temperatures follow a sigmoid as there; the pilot seeks 65 % acceptance for each example at
each temperature.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from ..core.catalogue import system
from ..core.contract import Latent
from ..core.dataset import Split
from ..core.given import heard, repeated
from ..core.likelihood import Kind, Likelihood
from ..core.spaces import count
from ..objectives.variational import prior_log_prob
from .likelihood import summary

LogDensity = Callable[[Tensor], Tensor]
CHAINS, STEPS, LEAPFROGS = 16, 200, 10
PILOTS = 4  # chains at most, for each example


def log_weights(
    model: Any,
    x: Tensor,
    *conditions: Tensor,
    chains: int = CHAINS,
    steps: int = STEPS,
    leapfrogs: int = LEAPFROGS,
) -> Tensor:
    """Log w (chains, batch) in nats for a `Latent` model with a `prior`, given its conditions.

    Raises ValueError for another model.
    """
    check_annealable(model)
    for name, value in {"chains": chains, "steps": steps, "leapfrogs": leapfrogs}.items():
        count(name, value)
    ladder = temperatures(steps)
    lengths = pilot_lengths(model, ladder, leapfrogs, min(chains, PILOTS), x, *conditions)
    z = _started(model, chains, x, *conditions)
    total = torch.zeros(z.shape[:2], device=z.device, dtype=z.dtype)
    for (low, high), length in zip(pairwise(ladder), lengths):
        with torch.no_grad():
            total += (high - low) * model.decode(z, *conditions).log_prob(x)
        target = annealed(model, high, x, *conditions)
        z, _ = hamiltonian(target, z, length.expand_as(total), leapfrogs)
    return total


def check_annealable(model: Any) -> None:
    """Raises ValueError for a model that is not `Latent`, or has no `prior`."""
    if not isinstance(model, Latent) or getattr(model, "prior", None) is None:
        raise ValueError(f"{type(model).__name__} has no decoder and prior to anneal between")


def pilot_lengths(
    model: Any, ladder: Sequence[float], leapfrogs: int, chains: int, x: Tensor, *conditions: Tensor
) -> list[Tensor]:
    """The length of a step at each temperature but the first, (batch,) each.

    Chains that adapt theirs by 2 % a move; what is returned is the geometric mean over them.
    """
    z = _started(model, chains, x, *conditions)
    length = torch.full(z.shape[:2], 0.1, device=z.device, dtype=z.dtype)
    found = []
    for power in ladder[1:]:
        target = annealed(model, power, x, *conditions)
        z, accepted = hamiltonian(target, z, length, leapfrogs)
        length = length * torch.where(accepted > 0.65, 1.02, 0.98)
        found.append(length.log().mean(0).exp())
    return found


def _started(model: Any, chains: int, x: Tensor, *conditions: Tensor) -> Tensor:
    """Draws from the prior, (chains, batch, latent)."""
    told = repeated(heard(model.prior, conditions), chains)
    return model.prior.sample(chains * len(x), *told).unflatten(0, (chains, len(x)))


def annealed(model: Any, power: float, x: Tensor, *conditions: Tensor) -> LogDensity:
    """Log p(z) + power log p(x|z) as a function of z (chains, batch, latent)."""

    def log_density(z: Tensor) -> Tensor:
        log_p = prior_log_prob(model.prior, z, heard(model.prior, conditions))
        return log_p + power * model.decode(z, *conditions).log_prob(x)

    return log_density


def temperatures(steps: int, steepness: float = 4.0) -> list[float]:
    """Powers from 0 to 1, densest at the ends.

    >>> [round(t, 3) for t in temperatures(4)]
    [0.0, 0.105, 0.5, 0.895, 1.0]
    """
    line = [math.tanh(steepness * (2 * i / steps - 1) / 2) for i in range(steps + 1)]
    return [(t - line[0]) / (line[-1] - line[0]) for t in line]


def hamiltonian(
    target: LogDensity, z: Tensor, length: Tensor, leapfrogs: int
) -> tuple[Tensor, Tensor]:
    """One HMC move of every chain, with step lengths (chains, batch); new z, and min(1, ratio)."""
    # not in the paper: a random length, else trajectories may return to where they began
    step = (length * (0.5 + torch.rand_like(length)))[..., None]
    momentum = torch.randn_like(z)
    start, slope = _slope(target, z)
    energy = start - momentum.square().sum(-1) / 2
    new, p = z, momentum + step / 2 * slope
    for i in range(leapfrogs):
        new = new + step * p
        value, slope = _slope(target, new)
        p = p + (step if i < leapfrogs - 1 else step / 2) * slope
    ratio = (value - p.square().sum(-1) / 2 - energy).exp().clamp(max=1).nan_to_num()
    keep = torch.rand_like(ratio) < ratio
    return torch.where(keep[..., None], new, z), ratio


def _slope(target: LogDensity, z: Tensor) -> tuple[Tensor, Tensor]:
    with torch.enable_grad():
        z = z.detach().requires_grad_()
        value = target(z)
        (slope,) = torch.autograd.grad(value.sum(), z)
    return value.detach(), slope


def ais_nats(
    model: Any,
    split: Split,
    chains: int = CHAINS,
    steps: int = STEPS,
    leapfrogs: int = LEAPFROGS,
    size: int = 128,
    seed: int = 0,
) -> Likelihood:
    """The mean of -log p(x) over a split by AIS, in nats: an upper bound in expectation.

    Raises ValueError for a model without a decoder and a prior.
    """
    each = ais_each(model, split, chains, steps, leapfrogs, size, seed)
    return summary(each, ais_kind(chains, steps), model.space.dims)


def ais_kind(chains: int = CHAINS, steps: int = STEPS) -> Kind:
    """What such a number is told to be."""
    return Kind("AIS lower bound", chains, f"chains of {steps} steps")


def ais_each(
    model: Any,
    split: Split,
    chains: int = CHAINS,
    steps: int = STEPS,
    leapfrogs: int = LEAPFROGS,
    size: int = 128,
    seed: int = 0,
) -> Tensor:
    """-log p(x) of each example by AIS in nats, (examples,), on the CPU in float64.

    Raises ValueError for a model without a decoder and a prior.
    """
    training = model.training
    model.eval()
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        batches = split.told(model.given).batches(size, model.device)
        parts = [
            log_weights(model, *batch, chains=chains, steps=steps, leapfrogs=leapfrogs)
            for batch in batches
        ]
    model.train(training)
    return -(torch.cat(parts, 1).double().logsumexp(0) - math.log(chains)).cpu()


system(
    "ais",
    lecture=6,
    kind="metric",
    title="Annealed importance sampling",
    paper="arXiv:1611.04273",
)
