"""What a critic says of a model's rate, beside what annealing says of its likelihood.

    distortion + rate >= -log p(x),   rate = KL( q(z|x) || p(z) ) ~ E_q[ T(x, z) ]

A rate by a critic is no bound: T is log q - log p for the best critic alone, and one that is behind
tells too little. Annealed importance sampling asks the decoder and the prior only, so a sum that is
less than its -log p(x) is wrong: there is more in the latents than the critic has found (or, less
often, annealing has not come to its end, which more steps show).

Adversarial Variational Bayes (Mescheder et al., 2017), arXiv:1701.04722, proposition 1 and section
6.2, where models are compared by annealing for this reason.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..core.dataset import Split
from ..core.likelihood import Likelihood
from ..core.spaces import count
from .ais import CHAINS, LEAPFROGS, STEPS, ais_each, ais_kind
from .likelihood import summary

SLACK = 0.5  # nats by which two estimates may differ that say the same


@dataclass(frozen=True)
class CriticRate:
    """Means in nats per example. `gap` is distortion + rate less AIS's -log p(x), with its error.

    `annealed` is AIS's own number, of the same examples.
    """

    distortion: float
    rate: float
    gap: float
    gap_stderr: float
    annealed: Likelihood

    @property
    def nats(self) -> float:
        """Distortion and rate: more than -log p(x), if the critic is right."""
        return self.distortion + self.rate

    @property
    def disagrees(self) -> bool:
        """Whether the sum is below -log p(x) by more than SLACK and two standard errors."""
        return self.gap + 2 * self.gap_stderr < -SLACK

    def record(self) -> dict[str, Any]:
        """What goes into a JSON file."""
        return {
            "distortion": self.distortion,
            "rate": self.rate,
            "kind": "estimate by a critic",
            "gap": self.gap,
            "gap_stderr": self.gap_stderr,
            "disagrees": self.disagrees,
        }

    def __str__(self) -> str:
        told = (
            f"distortion {self.distortion:.2f} + rate {self.rate:.2f} by the critic = "
            f"{self.nats:.2f} nats (no bound, {self.annealed.examples} examples)"
        )
        if not self.disagrees:
            return told
        return (
            f"{told}\nwarning: that is {-self.gap:.2f} +- {self.gap_stderr:.2f} nats less than "
            f"-log p(x) by annealing, {self.annealed.nats:.2f}: the critic misses part of the rate "
            "(give it more turns)"
        )


def rate_by_critic(
    model: Any,
    split: Split,
    samples: int = 32,
    chains: int = CHAINS,
    steps: int = STEPS,
    leapfrogs: int = LEAPFROGS,
    seed: int = 0,
) -> CriticRate:
    """Distortion and rate of a split by the model's critic, and its -log p(x) by AIS.

    Raises ValueError for a model without a critic of its rate.
    """
    if not has_critic_rate(model):
        raise ValueError(f"{type(model).__name__} has no critic that estimates its rate")
    distortion, rate = _parts(model, split, count("samples", samples), seed)
    annealed = ais_each(model, split, chains, steps, leapfrogs, seed=seed)
    gap = distortion + rate - annealed
    error = gap.std().item() / math.sqrt(len(gap)) if len(gap) > 1 else math.inf
    told = summary(annealed, ais_kind(chains, steps), model.space.dims)
    return CriticRate(distortion.mean().item(), rate.mean().item(), gap.mean().item(), error, told)


def has_critic_rate(model: Any) -> bool:
    """Whether a model's rate is what its critic says."""
    return hasattr(model, "by_critic")


def _parts(model: Any, split: Split, samples: int, seed: int) -> tuple[Tensor, Tensor]:
    """Distortion and rate of each example, (examples,) in float64."""
    training = model.training
    model.eval()
    with torch.no_grad(), torch.random.fork_rng():
        torch.manual_seed(seed)
        batches = split.told(model.given).batches(256, model.device)
        parts = [model.by_critic(*batch, samples=samples) for batch in batches]
    model.train(training)
    distortion, rate = (torch.cat(column).double().cpu() for column in zip(*parts))
    return distortion, rate
