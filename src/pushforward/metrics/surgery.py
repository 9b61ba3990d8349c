"""ELBO surgery: what the rate of a latent-variable model is spent on, and whether it collapsed.

    q(z) = (1/N) sum_n q(z | x_n)                                       the aggregated posterior
    mean ELBO = E log p(x|z)  -  E log q(z|x)/q(z)  -  KL( q(z) || p(z) )
              = reconstruction - mutual information - marginal KL                   (eqs. 4-8)

On the finite set that is measured, q(z) is summed exactly, so the three add up to the ELBO of the
same draws to rounding. Mutual information is at most log N: a set must be larger than e^rate for
it to say how much a code tells. A latent dimension is *active* where the variance over data of its
posterior mean exceeds a hundredth.

ELBO surgery (Hoffman & Johnson, 2016), NIPS workshop on approximate inference; active units:
Importance Weighted Autoencoders (Burda et al., 2016), arXiv:1509.00519, section 5.2;
rate and distortion: Fixing a Broken ELBO (Alemi et al., 2018), arXiv:1711.00464.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.distributions import Distribution

from ..core.catalogue import system
from ..core.contract import Latent
from ..core.dataset import Batch, Split
from ..core.given import heard
from ..core.spaces import count
from ..objectives.variational import prior_log_prob

ACTIVE = 0.01
BATCH = 256
CHUNK = 2**24  # numbers of (latents, data, latent dimensions) at a time


@dataclass(frozen=True)
class Surgery:
    """Means in nats per datum. elbo = reconstruction - information - marginal_kl.

    `information` is I(x; z) on the set, `active` of `latent` dimensions vary with x, `examples` is
    N and `samples` the draws for each.
    """

    elbo: float
    reconstruction: float
    information: float
    marginal_kl: float
    active: int
    latent: int
    examples: int
    samples: int

    @property
    def rate(self) -> float:
        """Information and marginal KL together."""
        return self.information + self.marginal_kl

    @property
    def distortion(self) -> float:
        """-E log p(x|z)."""
        return -self.reconstruction

    @property
    def collapsed(self) -> bool:
        """Whether the code tells less than half a nat."""
        return self.information < 0.5

    @property
    def bounded(self) -> bool:
        """Whether the information is within a nat of log N, the most that N data can show."""
        return self.information > math.log(self.examples) - 1

    def record(self) -> dict[str, Any]:
        """What goes into a JSON file, with the rate."""
        return asdict(self) | {"rate": self.rate, "collapsed": self.collapsed}

    def __str__(self) -> str:
        rows = {
            "elbo": self.elbo,
            "reconstruction": self.reconstruction,
            "mutual information": self.information,
            "marginal KL": self.marginal_kl,
            "rate (their sum)": self.rate,
        }
        lines = [f"{name:20s}{value:12.3f} nats" for name, value in rows.items()]
        most = math.log(self.examples)
        note = f" (log N = {most:.2f} is the most that {self.examples} data can show)"
        lines[2] += note if self.bounded else ""
        state = "  collapsed" if self.collapsed else ""
        return "\n".join([*lines, f"{'active units':20s}{self.active:8d} of {self.latent}{state}"])


def elbo_surgery(model: Any, split: Split, samples: int = 8, seed: int = 0) -> Surgery:
    """The parts of the ELBO on a split, for any `Latent` model with a `prior` over vectors.

    Where the prior is told something, q(z) is that of the data that are told the same: information
    and marginal KL are then those beside what is told.

    Raises ValueError for another model, and for a posterior without a density (adversarial ones).
    """
    if not isinstance(model, Latent) or not hasattr(model, "prior"):
        raise ValueError(f"{type(model).__name__} has no encoder and prior to look into")
    with _measuring(model, seed):
        batch = split.told(model.given).at(slice(None), model.device)
        parts, means = _parts(model, batch, count("samples", samples))
    active = int((means.var(0) > ACTIVE).sum())
    log_x, log_q, log_p, log_marginal = (float(t.double().mean()) for t in parts)
    return Surgery(
        elbo=log_x + log_p - log_q,
        reconstruction=log_x,
        information=log_q - log_marginal,
        marginal_kl=log_marginal - log_p,
        active=active,
        latent=means.shape[1],
        examples=len(means),
        samples=samples,
    )


@dataclass(frozen=True)
class Levels:
    """What a model of several levels of latents spends its rate on, from the top down.

    Means in nats per datum; elbo = reconstruction - sum of `rates`. A level is active where its
    rate exceeds a hundredth of a nat. What the levels tell of x together `elbo_surgery` says, at a
    pass of the model for each pair of a latent and a datum.
    """

    elbo: float
    reconstruction: float
    rates: tuple[float, ...]
    examples: int
    samples: int

    @property
    def rate(self) -> float:
        """That of all levels."""
        return sum(self.rates)

    @property
    def active(self) -> int:
        """How many levels are used."""
        return sum(rate > ACTIVE for rate in self.rates)

    def record(self) -> dict[str, Any]:
        """What goes into a JSON file."""
        more = {"rate": self.rate, "active": self.active, "latent": len(self.rates)}
        return asdict(self) | {"rates": list(self.rates)} | more

    def __str__(self) -> str:
        rows = {"elbo": self.elbo, "reconstruction": self.reconstruction, "rate": self.rate}
        lines = [f"{name:20s}{value:12.3f} nats" for name, value in rows.items()]
        each = ", ".join(f"{rate:.2f}" for rate in self.rates)
        lines.append(f"{'active levels':20s}{self.active:8d} of {len(self.rates)}: {each} nats")
        return "\n".join(lines)


def level_rates(model: Any, split: Split, samples: int = 8, seed: int = 0) -> Levels:
    """The rate of each level on a split, for a model whose `draw` knows the rates of its levels.

    Raises ValueError for another model.
    """
    if not hasattr(model, "draw") or not hasattr(model, "sizes"):
        raise ValueError(f"{type(model).__name__} has no levels of latents to look into")
    with _measuring(model, seed):
        parts = split.told(model.given).batches(BATCH, model.device)
        draws = [model.draw(*part, samples=count("samples", samples)) for part in parts]
    log_x = torch.cat([d.log_x for d in draws], 1).double().mean().item()
    rates = torch.cat([d.rate for d in draws]).double().mean(0).tolist()
    return Levels(log_x - sum(rates), log_x, tuple(rates), len(split), samples)


@contextmanager
def _measuring(model: Any, seed: int) -> Iterator[None]:
    """Without gradients, in evaluation mode, and with a random state of its own."""
    training = model.training
    model.eval()
    try:
        with torch.no_grad(), torch.random.fork_rng():
            torch.manual_seed(seed)
            yield
    finally:
        model.train(training)


class Drawn(NamedTuple):
    """Latents z (samples, batch, latent) of q with their log-densities, each (samples, batch)."""

    q: Distribution
    z: Tensor
    log_x: Tensor
    log_q: Tensor
    log_p: Tensor


def _drawn(model: Any, batch: Batch, samples: int) -> Any:
    """The model's own draws, where it has such; else what encoder, decoder and prior say."""
    if hasattr(model, "draw"):
        return model.draw(*batch, samples=samples)
    x, *conditions = batch
    q = model.encode(*batch)
    z = q.sample((samples,))
    try:
        log_q = q.log_prob(z)
    except NotImplementedError as error:
        raise ValueError(f"the posterior of {type(model).__name__} has no density") from error
    log_p = prior_log_prob(model.prior, z, heard(model.prior, tuple(conditions)))
    return Drawn(q, z, model.decode(z, *conditions).log_prob(x), log_q, log_p)


def _parts(model: Any, batch: Batch, samples: int) -> tuple[list[Tensor], Tensor]:
    """Log p(x|z), log q(z|x), log p(z), log q(z) of draws, each (samples * N,), and their means."""
    parts = zip(*(t.split(BATCH) for t in batch))
    draws = [_drawn(model, part, samples) for part in parts]
    z = torch.cat([d.z for d in draws], 1).flatten(0, 1)
    columns = [torch.cat([getattr(d, n) for d in draws], 1) for n in ("log_x", "log_q", "log_p")]
    means = torch.cat([posterior_mean(d.q, d.z) for d in draws])
    alike = groups(heard(model.prior, batch[1:]), len(batch[0]))
    marginal = aggregated_log_prob(model.encode(*batch), z, alike)
    return [*(c.flatten() for c in columns), marginal], means


def posterior_mean(q: Distribution, z: Tensor) -> Tensor:
    """The mean of q (batch, latent); that of the draws `z` (samples, ...) where q cannot tell."""
    try:
        return q.mean
    except NotImplementedError:
        return z.mean(0)


def groups(told: tuple[Tensor, ...], n: int) -> Tensor:
    """Numbers (n,) that are equal where the same is told; all 0 where nothing is."""
    if not told:
        return torch.zeros(n, dtype=torch.int64)
    rows = torch.cat([c.reshape(n, -1).double() for c in told], 1)
    return rows.unique(dim=0, return_inverse=True)[1]


def aggregated_log_prob(q: Distribution, z: Tensor, group: Tensor) -> Tensor:
    """Log of the mean of q(z | x_n) over the data of z's own group, (S * N,).

    q is over all N data at once, `z` (S * N, latent) are S draws of each, `group` (N,) theirs.
    """
    examples, group = len(group), group.to(z.device)
    size = max(1, CHUNK // (examples * z.shape[1]))
    parts = zip(z.split(size), group.repeat(len(z) // examples).split(size))
    return torch.cat([_within(q, part, mine, group) for part, mine in parts])


def _within(q: Distribution, z: Tensor, mine: Tensor, group: Tensor) -> Tensor:
    """The same for some of the draws, whose groups are `mine` (n,)."""
    each = q.log_prob(z[:, None].expand(-1, len(group), -1))
    same = mine[:, None] == group
    return each.where(same, -math.inf).logsumexp(1) - same.sum(1).to(each).log()


def rate_distortion(models: Iterable[Any], split: Split, samples: int = 8) -> list[Surgery]:
    """Surgeries of models trained with different weights on the rate, by rising rate: a curve."""
    return sorted((elbo_surgery(m, split, samples) for m in models), key=lambda s: s.rate)


system(
    "elbo-surgery",
    lecture=6,
    kind="metric",
    title="ELBO surgery, active units, rate and distortion",
    paper="Hoffman & Johnson, 2016",
)
