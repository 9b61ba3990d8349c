"""What a latent-variable model minimises: the evidence lower bound, and weights on its two parts.

    -log p(x) <= E_q[-log p(x|z)] + E_q[log q(z|x) - log p(z)] = distortion + rate
    ELBO          distortion + beta rate,   with free bits  sum_j max(lambda, mean_batch rate_j),
                  rate_j = E_q[log q(z_j|z_<j, x) - log p(z_j|z_<j)]: a dimension, or a level
    Capacity      distortion + gamma |rate - C|,   C growing over training

An objective is a component that is given a model, data, and what the model is told of them, and
returns the loss's terms. Schedules read the model's `progress`, so they are right again after a
restart.

Auto-Encoding Variational Bayes (Kingma & Welling, 2014), arXiv:1312.6114, eq. 3;
beta-VAE (Higgins et al., 2017), eq. 4; Understanding disentangling in beta-VAE (Burgess et al.,
2018), arXiv:1804.03599, eq. 8; free bits: Improving Variational Inference with Inverse
Autoregressive Flow (Kingma et al., 2016), arXiv:1606.04934, eq. 15; annealing: Generating Sentences
from a Continuous Space (Bowman et al., 2016), arXiv:1511.06349, section 3.1; cyclical: Fu et al.
(2019), arXiv:1903.10145, eqs. 6-7.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.distributions import (
    Distribution,
    Independent,
    MultivariateNormal,
    Normal,
    kl_divergence,
)

from ..core.blueprint import Component, record
from ..core.catalogue import system
from ..core.contract import Density, Terms
from ..core.given import repeated
from ..core.shares import mean
from ..core.spaces import Reals, Space, count
from ..probability.by_dimension import log_prob_each


@dataclass(frozen=True)
class Draw:
    """Latents drawn from q(z | x) with all that bounds are made of; S samples, in nats.

    `z` (S, batch, latent); `log_x` log p(x|z), `log_q` log q(z|x), `log_p` log p(z), each
    (S, batch); `rate` KL(q || p) (batch, parts), in closed form where there is one. `apart` says
    whether `log_x` and `log_p` know of q by `z` alone, as gradients that cut a graph there need it.
    """

    q: Distribution
    z: Tensor
    log_x: Tensor
    log_q: Tensor
    log_p: Tensor
    rate: Tensor
    apart: bool = True

    @property
    def log_weights(self) -> Tensor:
        """Log w = log p(x, z) - log q(z | x), (S, batch)."""
        return self.log_x + self.log_p - self.log_q

    @property
    def groups(self) -> Groups:
        """What free bits count: the levels of a hierarchy, the dimensions of a vector."""
        return Groups("level", self.rate, 1)


@dataclass(frozen=True)
class Groups:
    """Rates of groups of latents.

    Args:
        unit: what a group is: "latent", a dimension of a vector of latents, or "level".
        rate: (batch, columns), in nats.
        units: groups in each column: 1, or all latents where no density says which has what.
    """

    unit: str
    rate: Tensor
    units: int

    def paid(self, free: float) -> Tensor:
        """Nats that cost something: sum over columns of max(units * free, mean over the batch)."""
        return mean(self.rate).clamp_min(free * self.units).sum()


class Drawing(Protocol):
    """What objectives ask of a model."""

    progress: Tensor
    prior: Density

    def draw(self, x: Tensor, *conditions: Tensor, samples: int = 1) -> Draw:
        """Latents for `x`, with their densities."""

    def encode(self, x: Tensor, *conditions: Tensor) -> Distribution:
        """q(z | x)."""

    def decode(self, z: Tensor, *conditions: Tensor) -> Distribution:
        """p(x | z)."""


class VectorDraw(Draw):
    """The same of vectors with one prior; what nobody asks for is never computed.

    The ELBO between normals needs neither log q nor log p, the importance-weighted bound no KL.
    `told` (batch, ...) is what the prior is told.
    """

    prior: Density
    told: tuple[Tensor, ...]

    def __init__(
        self,
        q: Distribution,
        prior: Density,
        z: Tensor,
        log_x: Tensor,
        log_q: Tensor | None = None,
        told: tuple[Tensor, ...] = (),
    ):
        known: dict[str, Any] = {} if log_q is None else {"log_q": log_q}
        self.__dict__.update(q=q, prior=prior, z=z, log_x=log_x, told=told, **known)

    @cached_property
    def log_q(self) -> Tensor:
        """Log q(z | x), (S, batch)."""
        return self.q.log_prob(self.z)

    @cached_property
    def log_p(self) -> Tensor:
        """Log p(z), (S, batch)."""
        return prior_log_prob(self.prior, self.z, self.told)

    @cached_property
    def rate(self) -> Tensor:
        """KL(q || prior), (batch, groups): exact between normals, else the mean over draws."""
        exact = closed_rate(self.q, self.prior)
        return (self.log_q - self.log_p).mean(0)[:, None] if exact is None else exact

    @property
    def groups(self) -> Groups:
        """A group is a dimension, for posteriors and priors of every kind."""
        latent = self.z.shape[-1]
        rate = closed_rate(self.q, self.prior)
        rate = self._drawn_rate() if rate is None else rate
        return Groups("latent", self.rate, latent) if rate is None else Groups("latent", rate, 1)

    def _drawn_rate(self) -> Tensor | None:
        """The mean over draws of each dimension's rate, (batch, latent), where it is known."""
        told = repeated(self.told, len(self.z))
        log_q, log_p = (
            log_prob_each(self.q, self.z),
            log_prob_each(self.prior, self.z.flatten(0, 1), *told),
        )
        if log_q is None or log_p is None:
            return None
        return (log_q - log_p.view(log_q.shape)).mean(0)


def prior_log_prob(prior: Density, z: Tensor, told: tuple[Tensor, ...] = ()) -> Tensor:
    """Log p(z) in nats of latents (S, batch, latent) by a prior that is told (batch, ...)."""
    return prior.log_prob(z.flatten(0, 1), *repeated(told, len(z))).unflatten(0, z.shape[:2])


def closed_rate(q: Distribution, prior: Density) -> Tensor | None:
    """KL(q || prior) between normals, (batch, latent); None where no formula is known.

    Of a full covariance L L' it is that of each dimension given those before it.
    """
    p = normals(getattr(prior, "distribution", None))
    if p is not None and (diagonal := normals(q)) is not None:
        return kl_divergence(diagonal, p)
    if p is not None and isinstance(q, MultivariateNormal):
        own = q.scale_tril.diagonal(dim1=-2, dim2=-1) / p.stddev
        square = q.variance / p.variance + ((q.mean - p.mean) / p.stddev).square()
        return (square - 1) / 2 - own.log()
    return None


def normals(d: Distribution | None) -> Normal | None:
    """The normals of which a distribution over vectors is the product, if it is one."""
    if isinstance(d, Independent) and isinstance(d.base_dist, Normal) and len(d.event_shape) == 1:
        return d.base_dist
    return None


@record
@dataclass(frozen=True)
class Linear:
    """A weight that grows from 0 to `final` in the first `until` of the training."""

    until: float = 0.5
    final: float = 1.0

    def __post_init__(self) -> None:
        not_negative("final, the weight beta at the end,", self.final)
        if not 0 < self.until <= 1:
            raise ValueError(f"until must be a share of the training in (0, 1], not {self.until!r}")

    def at(self, progress: Tensor) -> Tensor:
        """The weight at `progress` in [0, 1]."""
        return self.final * (progress / self.until).clamp(max=1)


@record
@dataclass(frozen=True)
class Cyclical:
    """A weight that grows from 0 to `final` `cycles` times, in the first `ramp` of each cycle."""

    cycles: int = 4
    ramp: float = 0.5
    final: float = 1.0

    def __post_init__(self) -> None:
        count("cycles", self.cycles)
        not_negative("final, the weight beta at the end,", self.final)
        if not 0 < self.ramp <= 1:
            raise ValueError(f"ramp must be a share of a cycle in (0, 1], not {self.ramp!r}")

    def at(self, progress: Tensor) -> Tensor:
        """The weight at `progress` in [0, 1]; it ends at `final`."""
        within = torch.where(progress >= 1, 1.0, (progress * self.cycles) % 1)
        return self.final * (within / self.ramp).clamp(max=1)


Schedule = Linear | Cyclical


class Objective(Component, ABC):
    """A loss for any model that can `draw`."""

    def __init__(self) -> None:
        super().__init__()

    @abstractmethod
    def forward(self, model: Drawing, x: Tensor, *conditions: Tensor) -> Terms:
        """The terms for data `x` and what is told with them, (batch,) or (), in nats."""

    def check(self, space: Space, groups: int) -> None:
        """Raises ValueError where it cannot be met with data of `space` and so many groups."""


class ELBO(Objective):
    """The negative evidence lower bound, with a weight on the rate and free bits.

    Args:
        beta: weight of the rate: a number (above 1 it is a beta-VAE), or a schedule.
        free_bits: nats for each group of latents that cost nothing. A group is a dimension of a
            vector of latents, whatever posterior and prior, and a level of a hierarchy. The rate
            of each is known for normals, mixtures of them and autoregressive flows; where it is
            not (planar steps, a flow as the prior), D dimensions have D times as much together.
        samples: draws per datum.
    """

    def __init__(self, beta: float | Schedule = 1.0, free_bits: float = 0.0, samples: int = 1):
        super().__init__()
        if not isinstance(beta, Linear | Cyclical):
            not_negative("beta", beta)
        self.beta, self.free_bits = beta, not_negative("free_bits", free_bits)
        self.samples = count("samples", samples)

    def forward(self, model: Drawing, x: Tensor, *conditions: Tensor) -> Terms:
        """{"distortion": (batch,), "rate": (batch,), or () with free bits}."""
        draw = model.draw(x, *conditions, samples=self.samples)
        weight = weight_of(self.beta, model.progress)
        return {"distortion": -draw.log_x.mean(0), "rate": weight * self.cost(draw)}

    def cost(self, draw: Draw) -> Tensor:
        """What the rate costs: (batch,), or () with free bits."""
        return draw.groups.paid(self.free_bits) if self.free_bits else draw.rate.sum(1)

    def check(self, space: Space, groups: int) -> None:
        """A rate cannot usefully exceed what all data could tell: D log levels."""
        check_capacity("free_bits", self.free_bits * groups, space)


class Capacity(Objective):
    """The rate is held at a capacity that grows from 0 to `nats` over `until` of the training."""

    def __init__(self, nats: float = 25.0, gamma: float = 100.0, until: float = 0.8):
        super().__init__()
        self.gamma = not_negative("gamma", gamma)
        self.nats = Linear(until, not_negative("nats", nats))

    def forward(self, model: Drawing, x: Tensor, *conditions: Tensor) -> Terms:
        """{"distortion": (batch,), "gap": (batch,)}."""
        draw = model.draw(x, *conditions)
        gap = draw.rate.sum(1) - self.nats.at(model.progress)
        return {"distortion": -draw.log_x.mean(0), "gap": self.gamma * gap.abs()}

    def check(self, space: Space, groups: int) -> None:
        """As for free bits."""
        check_capacity("nats", self.nats.final, space)


def weight_of(beta: float | Schedule, progress: Tensor) -> Tensor | float:
    """The weight now."""
    return beta.at(progress) if isinstance(beta, Linear | Cyclical) else beta


def check_capacity(name: str, nats: float, space: Space) -> None:
    """Raises ValueError where `nats` are more than any datum of `space` holds."""
    values = getattr(space, "levels", getattr(space, "vocabulary", None))
    if isinstance(space, Reals) or values is None:
        return
    most = space.dims * math.log(values)
    if nats > most:
        raise ValueError(
            f"{name} ask the latent to hold {nats:.4g} nats, but a datum of {space} has at most "
            f"{most:.4g}: lower {name}"
        )


def not_negative(name: str, value: float) -> float:
    """Returns `value`; raises ValueError for a negative or infinite one, or for what is none."""
    if not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise ValueError(f"{name} must be a number of at least 0, not {value!r}")
    return value


system("elbo", lecture=3, kind="objective", title="Evidence bound", paper="arXiv:1312.6114")
system("beta-vae", lecture=7, kind="objective", title="beta-VAE", paper="Higgins et al., 2017")
system("free-bits", lecture=7, kind="objective", title="Free bits", paper="arXiv:1606.04934")
system("kl-annealing", lecture=7, kind="objective", title="Annealing", paper="arXiv:1511.06349")
system(
    "capacity-vae", lecture=7, kind="objective", title="Growing capacity", paper="arXiv:1804.03599"
)
