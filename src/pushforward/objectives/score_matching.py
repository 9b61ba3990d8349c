"""Score matching: fit s(x) to grad log p(x) without knowing p's normalising constant.

    explicit:   E[ tr(ds/dx) + |s(x)|^2 / 2 ]
    sliced:     E[ v' (ds/dx) v + |s(x)|^2 / 2 ],   E[v v'] = I
    denoising:  E[ |s(x + sigma eps) + eps / sigma|^2 ] sigma^2 / 2

The first is E|s - grad log p|^2 / 2 up to a constant that does not depend on s, by integration by
parts. The second replaces the trace, which costs a backward pass per dimension, by random
projections. The third needs no derivative of s, but its minimum is the score of the data blurred
with N(0, sigma^2 I).

Estimation of Non-Normalized Statistical Models by Score Matching (Hyvarinen, 2005), eq. 4.
Sliced Score Matching (Song et al., 2019), arXiv:1905.07088, eqs. 7 and 8
(without and with variance reduction).
A Connection Between Score Matching and Denoising Autoencoders (Vincent, 2011), eq. 9.
Differs from the papers: the denoising loss is multiplied by sigma^2, so that it is of order 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ..core.blueprint import record
from ..core.catalogue import system
from ..core.spaces import count
from ..nn.sums import per_example
from ..probability.divergence import divergence, projected_divergence, rademacher

Score = Callable[[Tensor], Tensor]


def explicit_score_matching(score: Score, x: Tensor) -> Tensor:
    """The explicit loss, (batch,)."""
    s, trace = divergence(score, x)
    return trace + per_example(s.square()) / 2


def sliced_score_matching(
    score: Score, x: Tensor, projections: int = 1, reduced: bool = True
) -> Tensor:
    """The sliced loss, (batch,): its mean over projections is the explicit one.

    `reduced` takes |s|^2 whole, which varies less than the mean of (v' s)^2 that is its mean.
    """
    v = rademacher(x, count("projections", projections))
    s, trace = projected_divergence(score, x, v)
    if reduced:
        return trace + per_example(s.square()) / 2
    along = (v * s).flatten(2).sum(2)  # (projections, batch)
    return trace + along.square().mean(0) / 2


def denoising_score_matching(score: Score, x: Tensor, sigma: float) -> Tensor:
    """The denoising loss, (batch,)."""
    eps = torch.randn_like(x)
    return per_example((sigma * score(x + sigma * eps) + eps).square()) / 2


@record
@dataclass(frozen=True)
class ExplicitMatching:
    """The exact trace."""

    def __call__(self, score: Score, x: Tensor) -> Tensor:
        """The loss, (batch,)."""
        return explicit_score_matching(score, x)


@record
@dataclass(frozen=True)
class SlicedMatching:
    """Random projections; `reduced` is the paper's variance reduction (SSM-VR)."""

    projections: int = 1
    reduced: bool = True

    def __post_init__(self) -> None:
        count("projections", self.projections)

    def __call__(self, score: Score, x: Tensor) -> Tensor:
        """The loss, (batch,)."""
        return sliced_score_matching(score, x, self.projections, self.reduced)


@record
@dataclass(frozen=True)
class DenoisingMatching:
    """Gaussian noise of standard deviation `sigma`."""

    sigma: float = 0.1

    def __post_init__(self) -> None:
        if not 0 < self.sigma < math.inf:
            raise ValueError(f"sigma must be a positive number, not {self.sigma!r}")

    def __call__(self, score: Score, x: Tensor) -> Tensor:
        """The loss, (batch,)."""
        return denoising_score_matching(score, x, self.sigma)


Matching = ExplicitMatching | SlicedMatching | DenoisingMatching

system(
    "explicit-score-matching",
    lecture=13,
    title="Score matching with the exact trace",
    paper="Hyvarinen, 2005",
    kind="objective",
)
system(
    "sliced-score-matching",
    lecture=13,
    title="Sliced score matching",
    paper="Song et al., 2019, arXiv:1905.07088",
    kind="objective",
)
system(
    "denoising-score-matching",
    lecture=13,
    title="Denoising score matching",
    paper="Vincent, 2011",
    kind="objective",
)
