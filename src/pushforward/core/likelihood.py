"""The kind of a likelihood: exact, a bound, an estimate. It is printed wherever the number is."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """What a reported log-likelihood is.

    >>> print(EXACT, "|", importance_weighted(500), "|", estimate("8 Heun steps", "1 probe"))
    exact | importance-weighted bound (500) | estimate (8 Heun steps, 1 probe)
    """

    name: str
    number: int | None = None
    noun: str = ""

    def __str__(self) -> str:
        inside = " ".join(str(part) for part in (self.number, self.noun) if part not in (None, ""))
        return f"{self.name} ({inside})" if inside else self.name


EXACT = Kind("exact")
LOWER_BOUND = Kind("lower bound")
NONE = Kind("none")


def importance_weighted(k: int) -> Kind:
    """The kind of log (1/k) sum_i p(x, z_i) / q(z_i | x): tighter with k (Burda et al., 2016)."""
    return Kind("importance-weighted bound", k)


def estimate(*by: str, of: Kind = EXACT) -> Kind:
    """The kind of a number that is what `of` says but for the error or noise of `by`.

    >>> print(estimate("8 Heun steps", of=importance_weighted(5)))
    estimate of an importance-weighted bound (5, 8 Heun steps)
    """
    number = () if of.number is None else (str(of.number),)
    article = "an" if of.name[0] in "aeiou" else "a"
    name = "estimate" if of == EXACT else f"estimate of {article} {of.name}"
    return Kind(name, noun=", ".join((*number, *by)))


def probed(probes: int) -> str:
    """How the divergence of a velocity is had: by Hutchinson's probes, or exactly (0)."""
    return f"{probes} probe{'s' if probes > 1 else ''}" if probes else "exact divergence"


@dataclass(frozen=True)
class Likelihood:
    """A mean negative log-likelihood (lower is better), with all that it must be printed with.

    `nats`, `nats_stderr` and the 95 % `nats_interval` (by bootstrap over examples; None where it
    was not drawn) are per example; `value`, `stderr` and `interval` are the same in `unit`, which
    is "nats" or "bits/dim".

    >>> print(Likelihood(88.7228, EXACT, 0.5, examples=100, dims=64, unit="bits/dim"))
    2.000 +- 0.011 bits/dim (exact, 100 examples)
    """

    nats: float
    kind: Kind
    nats_stderr: float
    examples: int
    dims: int
    unit: str = "nats"
    nats_interval: tuple[float, float] | None = None

    @property
    def scale(self) -> float:
        """Units in a nat."""
        return 1 / (self.dims * math.log(2)) if self.unit == "bits/dim" else 1.0

    @property
    def value(self) -> float:
        """-log p(x) in `unit`."""
        return self.nats * self.scale

    @property
    def stderr(self) -> float:
        """The standard error of `value` over examples, in `unit`."""
        return self.nats_stderr * self.scale

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % interval of `value`, in `unit`."""
        found = self.nats_interval
        return None if found is None else (found[0] * self.scale, found[1] * self.scale)

    def record(self) -> dict:
        """What a results file holds of it."""
        return {
            "value": self.value,
            "unit": self.unit,
            "kind": str(self.kind),
            "stderr": self.stderr,
            "interval": list(self.interval) if self.interval else None,
            "examples": self.examples,
        }

    def __str__(self) -> str:
        told = f"{self.kind}, {self.examples} example{'s' * (self.examples != 1)}"
        if not math.isfinite(self.stderr):  # of one example, or of values that are not finite
            return f"{self.value:.4f} {self.unit} ({told}, no standard error)"
        places = 1 - math.floor(math.log10(self.stderr)) if self.stderr > 0 else 4
        places = max(0, places)
        return f"{self.value:.{places}f} +- {self.stderr:.{places}f} {self.unit} ({told})"
