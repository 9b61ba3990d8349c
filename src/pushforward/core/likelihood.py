"""The kind of a likelihood: exact, a bound, an estimate. It is printed wherever the number is."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """What a reported log-likelihood is.

    >>> print(EXACT, "|", importance_weighted(500), "|", estimate(10))
    exact | importance-weighted bound (500) | estimate (10 probes)
    """

    name: str
    number: int | None = None
    noun: str = ""

    def __str__(self) -> str:
        if self.number is None:
            return self.name
        return f"{self.name} ({self.number}{' ' + self.noun if self.noun else ''})"


EXACT = Kind("exact")
LOWER_BOUND = Kind("lower bound")
NONE = Kind("none")


def importance_weighted(k: int) -> Kind:
    """The kind of log (1/k) sum_i p(x, z_i) / q(z_i | x): tighter with k (Burda et al., 2016)."""
    return Kind("importance-weighted bound", k)


def estimate(probes: int) -> Kind:
    """The kind of a number whose expectation is log p(x) up to solver error, with its probes."""
    return Kind("estimate", probes, "probes")


@dataclass(frozen=True)
class Likelihood:
    """A mean log-likelihood with its unit, kind, standard error of the mean and example count.

    `nats` is the mean of log p(x) (or of its bound) in nats per example: higher is better.
    """

    nats: float
    kind: Kind
    stderr: float
    examples: int
    dims: int

    @property
    def bits_per_dim(self) -> float:
        """-log2 p(x) / D: lower is better."""
        return -self.nats / (self.dims * math.log(2))

    def __str__(self) -> str:
        error = self.stderr / (self.dims * math.log(2))
        return (
            f"{self.bits_per_dim:.4f} +- {error:.4f} bits/dim = {-self.nats:.2f} +- "
            f"{self.stderr:.2f} nats negative log-likelihood ({self.kind})"
        )
