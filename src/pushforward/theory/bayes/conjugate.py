"""The Bayesian framework: what is learned is a distribution.

    p(theta | X) = p(X | theta) p(theta) / p(X)                     posterior
    p(x | X)     = int p(x | theta) p(theta | X) dtheta             posterior predictive
    log p(X)     = log int p(X | theta) p(theta) dtheta             evidence: how well a model fits

A prior is conjugate to a likelihood where the posterior is of the prior's own family: then an
update is an addition, and yesterday's posterior is today's prior, in any order of the data.

Bishop (2006), "Pattern recognition and machine learning", chapters 2 and 3; Murphy (2007),
"Conjugate Bayesian analysis of the Gaussian distribution".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

from torch import Tensor
from torch.distributions import Distribution

from pushforward.core.catalogue import system
from pushforward.core.spaces import count

system(
    "bayesian-framework",
    lecture=2,
    kind="theory",
    title="Bayesian framework: conjugate posteriors, predictives, evidence",
    paper="Bishop (2006), Pattern Recognition and Machine Learning, chapters 2-3",
)

Self = TypeVar("Self", bound="Conjugate")


class Conjugate(Protocol):
    """A belief about a likelihood's parameters, in closed form; the same class before and after."""

    def update(self: Self, x: Tensor) -> Self:
        """The belief after observations (n,); n = 0 changes nothing."""

    def predictive(self) -> Distribution:
        """The distribution of the next observation."""

    def log_evidence(self, x: Tensor) -> Tensor:
        """Log p(x) of all observations (n,) together, in nats, under this belief: a scalar."""

    def mode(self) -> Tensor:
        """The parameters of highest density (for a posterior: MAP)."""

    def mle(self, x: Tensor) -> Tensor:
        """The parameters of highest likelihood for observations (n,), as `mode` orders them."""


def narrowing(prior: Self, x: Tensor, counts: Sequence[int]) -> list[Self]:
    """The beliefs after the first 0 <= n <= len(x) observations, for each n of `counts`."""
    for n in counts:
        if count("an entry of counts", n, least=0) > len(x):
            raise ValueError(f"counts holds {n}, but there are only {len(x)} observations")
    return [prior.update(x[:n]) for n in counts]


def observations(x: Tensor, least: int = 0) -> Tensor:
    """Returns `x` if it is (n,) with n >= `least` and finite, else raises ValueError."""
    if x.dim() != 1:
        raise ValueError(f"observations must be (n,), not {list(x.shape)}")
    if len(x) < least:
        raise ValueError(f"at least {least} observations are needed, not {len(x)}")
    if x.is_floating_point() and not bool(x.isfinite().all()):
        raise ValueError("observations must be finite: drop or impute what is missing")
    return x
