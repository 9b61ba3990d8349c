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
from ..core.dataset import Split
from ..core.spaces import count

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

    Raises ValueError for another model, and for a posterior without a density (adversarial ones).
    """
    if not isinstance(model, Latent) or not hasattr(model, "prior"):
        raise ValueError(f"{type(model).__name__} has no encoder and prior to look into")
    with _measuring(model, seed):
        x = split.at(slice(None), model.device)[0]
        parts, means = _parts(model, x, count("samples", samples))
    active = int((means.var(0) > ACTIVE).sum())
    log_x, log_q, log_p, log_marginal = (float(t.double().mean()) for t in parts)
    return Surgery(
        elbo=log_x + log_p - log_q,
        reconstruction=log_x,
        information=log_q - log_marginal,
        marginal_kl=log_marginal - log_p,
        active=active,
        latent=means.shape[1],
        examples=len(x),
        samples=samples,
    )


@dataclass(frozen=True)
class Levels:
    """What a model of several levels of latents spends its rate on, from the top down.

    Means in nats per datum; elbo = reconstruction - sum of `rates`. A level is active where its
    rate exceeds a hundredth of a nat. What the levels tell of x together would need their joint
    posterior, so mutual information is not among these.
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
        x = split.at(slice(None), model.device)[0]
        draws = [model.draw(part, count("samples", samples)) for part in x.split(BATCH)]
    log_x = torch.cat([d.log_x for d in draws], 1).double().mean().item()
    rates = torch.cat([d.rate for d in draws]).double().mean(0).tolist()
    return Levels(log_x - sum(rates), log_x, tuple(rates), len(x), samples)


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


def _drawn(model: Any, x: Tensor, samples: int) -> Any:
    """The model's own draws, where it has such; else what encoder, decoder and prior say."""
    if hasattr(model, "draw"):
        return model.draw(x, samples)
    q = model.encode(x)
    z = q.sample((samples,))
    try:
        log_q = q.log_prob(z)
    except NotImplementedError as error:
        raise ValueError(f"the posterior of {type(model).__name__} has no density") from error
    log_p = model.prior.log_prob(z.flatten(0, 1)).unflatten(0, z.shape[:2])
    return Drawn(q, z, model.decode(z).log_prob(x), log_q, log_p)


def _parts(model: Any, x: Tensor, samples: int) -> tuple[list[Tensor], Tensor]:
    """Log p(x|z), log q(z|x), log p(z), log q(z) of draws, each (samples * N,), and their means."""
    draws = [_drawn(model, part, samples) for part in x.split(BATCH)]
    z = torch.cat([d.z for d in draws], 1).flatten(0, 1)
    columns = [torch.cat([getattr(d, n) for d in draws], 1) for n in ("log_x", "log_q", "log_p")]
    means = torch.cat([posterior_mean(d.q, d.z) for d in draws])
    marginal = aggregated_log_prob(model.encode(x), z, len(x))
    return [*(c.flatten() for c in columns), marginal], means


def posterior_mean(q: Distribution, z: Tensor) -> Tensor:
    """The mean of q (batch, latent); that of the draws `z` (samples, ...) where q cannot tell."""
    try:
        return q.mean
    except NotImplementedError:
        return z.mean(0)


def aggregated_log_prob(q: Distribution, z: Tensor, examples: int) -> Tensor:
    """Log (1/N) sum_n q(z | x_n) of `z` (n, latent), (n,), where q is over all N data at once."""
    size = max(1, CHUNK // (examples * z.shape[1]))
    each = [_against_all(q, part, examples).logsumexp(1) for part in z.split(size)]
    return torch.cat(each) - math.log(examples)


def _against_all(q: Distribution, z: Tensor, examples: int) -> Tensor:
    """Log q(z | x_n) for every z and n, (n, N)."""
    return q.log_prob(z[:, None].expand(-1, examples, -1))


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
