"""Pictures of the posterior narrowing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..theory.bayes.beta_bernoulli import BetaBernoulli
from ..theory.bayes.conjugate import narrowing
from ..theory.bayes.linear_regression import LinearRegression, flat, polynomial
from .gallery import picture

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@picture("posterior-narrowing")
def posterior_narrowing(heads: float = 0.7, tosses: int = 200, seed: int = 0) -> Figure:
    """The belief about a coin narrows round the truth as it is tossed, from a flat prior.

    Args:
        heads: the coin's true probability of heads.
        tosses: how many; the belief is drawn after none, 3, and two shares of them.
        seed: of the tosses.
    """
    drawn = torch.bernoulli(
        torch.full((tosses,), heads), generator=torch.Generator().manual_seed(seed)
    )
    counts = sorted({0, min(3, tosses), tosses // 10, tosses})
    return coin(BetaBernoulli(), drawn, counts, heads)


@picture("line-fits")
def line_fits_of_a_wave(degree: int = 3, noise: float = 0.2, seed: int = 0) -> Figure:
    """Bayesian polynomials through noisy points of a sine: drawn weights and the predictive band.

    Args:
        degree: of the polynomials.
        noise: standard deviation of the points, which the model knows.
        seed: of the points.
    """
    generator = torch.Generator().manual_seed(seed)
    x = 2 * torch.rand(30, generator=generator, dtype=torch.float64) - 1
    y = (3 * x).sin() + noise * torch.randn(30, generator=generator, dtype=torch.float64)
    return line_fits(flat(degree + 1, 1.0, noise), x, y, (0, 2, 5, 30))


def coin(
    prior: BetaBernoulli, tosses: Tensor, counts: Sequence[int], truth: float | None = None
) -> Figure:
    """The belief about a coin after the first n tosses, for each n of `counts`.

    Raises ValueError where there are fewer tosses than a count asks for.
    """
    from matplotlib.figure import Figure

    theta = torch.linspace(1e-3, 1 - 1e-3, 999, dtype=torch.float64)
    figure = Figure(figsize=(6, 3.5), layout="constrained")
    axis = figure.subplots()
    for n, belief in zip(counts, narrowing(prior, tosses, counts)):
        density = belief.distribution().log_prob(theta).exp()
        (line,) = axis.plot(theta, density, label=f"n = {n}")
        axis.fill_between(theta, density, alpha=0.15, color=line.get_color())
    if truth is not None:
        axis.axvline(truth, color="black", linestyle=":", label="truth")
    axis.set(xlabel="p(heads)", ylabel="density", xlim=(0, 1), ylim=(0, None))
    axis.legend()
    return figure


def line_fits(
    prior: LinearRegression, x: Tensor, y: Tensor, counts: Sequence[int], lines: int = 6
) -> Figure:
    """Polynomials drawn from the belief after n points (x, y), and the predictive's two sigmas.

    The degree is the prior's number of weights less one. Raises ValueError for too large a count.
    """
    from matplotlib.figure import Figure

    if max(counts) > len(x):
        raise ValueError(f"counts holds {max(counts)}, but there are only {len(x)} points")
    degree = len(prior.mean) - 1
    at = torch.linspace(float(x.min()) - 0.5, float(x.max()) + 0.5, 200).to(prior.mean)
    features = polynomial(at, degree)
    figure = Figure(figsize=(3.2 * len(counts), 3), layout="constrained")
    for axis, n in zip(figure.subplots(1, len(counts), sharey=True, squeeze=False)[0], counts):
        belief = prior.update(polynomial(x[:n], degree), y[:n]) if n else prior
        with torch.random.fork_rng():
            torch.manual_seed(0)
            drawn = belief.distribution().sample((lines,))
        predictive = belief.predictive(features)
        low, high = (predictive.mean + s * 2 * predictive.scale for s in (-1, 1))
        axis.fill_between(at, low, high, alpha=0.2)
        axis.plot(at, features @ drawn.T, linewidth=0.8, color="tab:blue")
        axis.scatter(x[:n], y[:n], color="firebrick", zorder=3)
        axis.set(title=f"n = {n}", xlabel="x")
    return figure
