"""The beta-VAE score: can a linear classifier tell which factor two images share?

    z_diff = (1/L) sum_l |m(x_l) - m(x'_l)|,     x_l and x'_l alike in factor k, else independent
    score  = P( linear classifier of z_diff = k )

Where one latent holds a factor and nothing else, it is the one that does not differ. 1 is perfect,
1 / factors is chance. A code that is rotated may score nearly 1 as well, for the classifier weighs
all latents.

beta-VAE: Learning Basic Visual Concepts with a Constrained Variational Framework (Higgins et al.,
ICLR 2017), section 3.
Differs from the paper: pairs are drawn from the examples at hand, and the score is measured on
points that the classifier was not fitted to.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ...core.spaces import count
from ..classifier import logistic_regression
from ..measurement import Measurement
from .codes import accuracy, checked, partners, varying


def beta_vae_score(
    codes: Tensor, factors: Tensor, pairs: int = 64, points: int = 4_000, seed: int = 0
) -> Measurement:
    """The accuracy for codes (n, latent) of factors (n, factors), and its standard error.

    Args:
        codes, factors: of the same examples.
        pairs: L, averaged in a point.
        points: half of them fit the classifier, half measure it.
        seed: of the draws.

    Raises:
        ValueError: for other shapes, NaN, or where no factor varies.
    """
    z, v = checked(codes, factors)
    v = v[:, varying(v)]
    half = count("points", points, 2) // 2
    generator = torch.Generator().manual_seed(seed)
    x, y = differences(z, v, count("pairs", pairs), 2 * half, generator)
    if v.shape[1] == 1:  # one class: nothing to tell apart
        return accuracy("beta-VAE score", torch.ones(half), z, f"{pairs} pairs, one factor")
    right = logistic_regression(x[:half], y[:half])(x[half:]) == y[half:]
    return accuracy("beta-VAE score", right, z, f"{pairs} pairs, {v.shape[1]} factors")


def differences(
    codes: Tensor, factors: Tensor, pairs: int, points: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """z_diff (points, latent), and the factor that is shared (points,); all equally often."""
    shared = torch.arange(points) % factors.shape[1]
    shared = shared[torch.randperm(points, generator=generator)]
    differ = codes.new_empty(points, codes.shape[1])
    for k, column in enumerate(factors.T):
        own = shared == k
        one = torch.randint(len(codes), (int(own.sum()), pairs), generator=generator)
        other = partners(column, one, generator)
        differ[own] = (codes[one] - codes[other]).abs().mean(1)
    return differ, shared
