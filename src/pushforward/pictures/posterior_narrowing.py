"""What is believed of a coin as it is tossed: a posterior that narrows round the truth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..theory.bayes.beta_bernoulli import BetaBernoulli
from ..theory.bayes.conjugate import narrowing
from .gallery import picture
from .shown import blank

if TYPE_CHECKING:
    from .notebook import Sheet


@picture
def draw(heads: float = 0.7, tosses: int = 200, seed: int = 0) -> Sheet:
    """The belief about a coin narrows round the truth as it is tossed, from a flat prior.

    Args:
        heads: the coin's true probability of heads.
        tosses: how many; the belief is drawn after none, 3, and two shares of them.
        seed: of the tosses.
    """
    tossed = torch.bernoulli(
        torch.full((tosses,), heads), generator=torch.Generator().manual_seed(seed)
    )
    counts = sorted({0, min(3, tosses), tosses // 10, tosses})
    return coin(BetaBernoulli(), tossed, counts, heads)


def coin(
    prior: BetaBernoulli, tosses: Tensor, counts: Sequence[int], truth: float | None = None
) -> Sheet:
    """The belief about a coin after the first n tosses, for each n of `counts`.

    Raises ValueError where there are fewer tosses than a count asks for.
    """
    theta = torch.linspace(1e-3, 1 - 1e-3, 999, dtype=torch.float64)
    figure = blank(6, 3.5)
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
