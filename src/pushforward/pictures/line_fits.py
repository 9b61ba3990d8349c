"""Bayesian polynomials through noisy points: drawn weights and the predictive band."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..theory.bayes.linear_regression import LinearRegression, flat, polynomial
from .gallery import picture
from .shown import blank

if TYPE_CHECKING:
    from .notebook import Sheet


@picture
def draw(degree: int = 3, noise: float = 0.2, seed: int = 0) -> Sheet:
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


def line_fits(
    prior: LinearRegression, x: Tensor, y: Tensor, counts: Sequence[int], lines: int = 6
) -> Sheet:
    """Polynomials drawn from the belief after n points (x, y), and the predictive's two sigmas.

    The degree is the prior's number of weights less one. Raises ValueError for too large a count.
    """
    if max(counts) > len(x):
        raise ValueError(f"counts holds {max(counts)}, but there are only {len(x)} points")
    degree = len(prior.mean) - 1
    at = torch.linspace(float(x.min()) - 0.5, float(x.max()) + 0.5, 200).to(prior.mean)
    features = polynomial(at, degree)
    figure = blank(3.2 * len(counts), 3)
    for axis, n in zip(figure.subplots(1, len(counts), sharey=True, squeeze=False)[0], counts):
        belief = prior.update(polynomial(x[:n], degree), y[:n]) if n else prior
        with torch.random.fork_rng():
            torch.manual_seed(0)
            drawn = belief.distribution().sample((lines,))
        predictive = belief.predictive(features)
        low, high = (predictive.mean + s * 2 * predictive.scale for s in (-1, 1))
        # As arrays: matplotlib before 3.9 asks a tensor for a number.
        axis.fill_between(at.numpy(), low.numpy(), high.numpy(), alpha=0.2)
        lines_at = (features @ drawn.T).numpy()
        axis.plot(at.numpy(), lines_at, linewidth=0.8, color="tab:blue")
        axis.scatter(x[:n].numpy(), y[:n].numpy(), color="firebrick", zorder=3)
        axis.set(title=f"n = {n}", xlabel="x")
    return figure
