"""Laws of likelihoods: densities sum to 1 and are sampled from, bounds stay below."""

from __future__ import annotations

import itertools
import math
from contextlib import suppress
from typing import Any

import torch
from torch import Tensor

from ..core.contract import Bounded, Density, Weighted
from ..core.dataset import Batch
from ..core.given import heard, repeated
from ..core.spaces import Pixels, Reals, Space, Tokens
from .subject import NotApplicable, Subject, log_likelihood

SUMMABLE = 2**12


def density_is_normalised(subject: Subject) -> None:
    """An exact density sums or integrates to 1, and its samples follow it."""
    if not isinstance(subject.model(), Density):
        raise NotApplicable("it is no density")
    points, volume = _all_points(subject.data.space, subject)
    model, told = subject.trained().double(), subject.batch(1)[1:]
    assert isinstance(model, Density)
    with torch.no_grad():
        parts = points.split(4096)
        log_prob = torch.cat([model.log_prob(part, *each(told, len(part))) for part in parts])
    probability = log_prob.exp() * volume
    total = probability.sum().item()
    tight = 1e-6 if volume == 1 else 0.02
    assert abs(total - 1) < tight, f"the density sums to {total:.6f}"
    _check_samples(model, -(probability * log_prob).sum().item() / total, each(told, 4000))


def each(told: Batch, n: int) -> Batch:
    """The conditions of one datum for n data."""
    return tuple((c.double() if c.is_floating_point() else c).expand(n, *c.shape[1:]) for c in told)


def _check_samples(model: Density, entropy: float, told: Batch) -> None:
    """The mean of -log p over samples is the entropy, within five standard errors."""
    torch.manual_seed(3)
    surprise = -model.log_prob(model.sample(4000, *told), *told).detach()
    error = (surprise.std() / math.sqrt(len(surprise))).item()
    gap = abs(surprise.mean().item() - entropy)
    assert gap < 5 * error + 0.02, f"samples have mean -log p {gap:.4f} nats off the entropy"


def _all_points(space: Space, subject: Subject) -> tuple[Tensor, float]:
    """Every datum of a small space, or a grid over a plane, and the volume of a point."""
    match space:
        case Pixels(levels=top) if top**space.dims <= SUMMABLE:
            return _every(top, space.dims, torch.uint8).unflatten(1, space.shape), 1
        case Tokens(vocabulary=top) if top**space.dims <= SUMMABLE:
            return _every(top, space.dims, torch.int64), 1
        case Reals(shape=(2,)):
            data = subject.data.train.tensors[0]
            reach = 3 * float(data.abs().max())
            side = torch.linspace(-reach, reach, 601, dtype=torch.float64)
            return torch.cartesian_prod(side, side), float(side[1] - side[0]) ** 2
    raise NotApplicable("its space is too large to sum over")


def _every(top: int, dims: int, dtype: torch.dtype) -> Tensor:
    return torch.tensor(list(itertools.product(range(top), repeat=dims)), dtype=dtype)


def bounds_are_bounds(subject: Subject) -> None:
    """A lower bound stays below what densities can be, and k importance samples tighten it."""
    if not isinstance(subject.model(), Bounded):
        raise NotApplicable("it declares no bound")
    model: Any = subject.trained()
    if not isinstance(model, Weighted):
        return _check_below(model, subject)
    with suppress(NotApplicable):
        points, volume = _all_points(model.space, subject)
        _check_sum(model, points, volume, subject.batch(1)[1:])
    _check_tightens(model, subject.batch(64))


def _check_sum(model: Weighted, points: Tensor, volume: float, told: Batch) -> None:
    """Weights are unbiased and sum to 1; exp(elbo), with a KL in closed form, would not."""
    torch.manual_seed(5)
    with torch.no_grad():
        parts = [
            model.log_weights(p, *each(told, len(p)), samples=2).double().exp()
            for p in points.split(4096)
        ]
    pairs = torch.cat(parts, 1) * volume
    total, error = pairs.mean(0).sum().item(), (pairs[0] - pairs[1]).norm().item() / 2
    assert total < 1.02 + 4 * error, f"weights sum to {total:.4f} +- {error:.4f}"


def _check_below(model: Bounded, subject: Subject) -> None:
    """E_r[elbo - log r] <= 0 for any density r, which here is the smoothed data.

    Sums of exp(elbo) would not do: an elbo is estimated, and the mean of exp(estimate) is more.
    """
    x, *conditions = subject.batch(1000)
    if conditions:
        raise NotApplicable("it is conditional")
    x, log_r = _smoothed(x) if isinstance(model.space, Reals) else (x, _log_frequency(x))
    gap = log_likelihood(model, (x,)).double() - log_r
    error = (gap.std() / math.sqrt(len(gap))).item()
    assert gap.mean() < 5 * error + 0.02, f"the bound is {gap.mean():.4g} nats above a density"


def _smoothed(x: Tensor) -> tuple[Tensor, Tensor]:
    """Draws from a kernel density of `x`, and its logarithm there."""
    normal = torch.distributions.Normal(0.0, 0.1 * float(x.std()))
    drawn = x + normal.sample(x.shape).to(x)
    apart = (drawn[:, None] - x).flatten(2).double()
    return drawn, normal.log_prob(apart).sum(-1).logsumexp(1) - math.log(len(x))


def _log_frequency(x: Tensor) -> Tensor:
    """The log of how often each datum occurs among the data."""
    _, place, times = x.flatten(1).unique(dim=0, return_inverse=True, return_counts=True)
    return (times[place].double() / len(x)).log()


def weights_are_ratios_of_densities(subject: Subject) -> None:
    """What a model draws is weighed by what encoder, decoder and prior say of it by themselves."""
    model: Any = subject.trained().double()
    weighs = isinstance(model, Weighted) and hasattr(model, "encode") and hasattr(model, "draw")
    if not weighs:
        raise NotApplicable("it does not draw latents with their densities")
    x, *conditions = batch = each_double(subject.batch(8))
    torch.manual_seed(6)
    with torch.no_grad():
        draw, told = model.draw(*batch, samples=3), heard(model.prior, tuple(conditions))
        log_q = model.encode(*batch).log_prob(draw.z)
        log_p = model.prior.log_prob(draw.z.flatten(0, 1), *repeated(told, 3)).view(log_q.shape)
        expected = model.decode(draw.z, *conditions).log_prob(x) + log_p - log_q
    gap = (draw.log_weights - expected).abs().max().item()
    assert gap < 1e-4, f"weights are {gap:.4g} nats from p(x|z) p(z) / q(z|x)"


def each_double(batch: Batch) -> Batch:
    """Floating-point parts in float64."""
    return tuple(t.double() if t.is_floating_point() else t for t in batch)


def _check_tightens(model: Weighted, batch: Batch) -> None:
    torch.manual_seed(4)
    with torch.no_grad():
        one, many = (model.importance_weighted(*batch, k=k) for k in (1, 32))
    gain, error = (many - one).mean().item(), (many - one).std().item() / math.sqrt(len(one))
    assert gain > -3 * error, f"the bound with 32 samples is {-gain:.4g} nats looser than with 1"
