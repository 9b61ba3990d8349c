"""Likelihood and sample quality are independent: one of each kind without the other.

    q(x) = share p(x) + (1 - share) uniform(x)       log q(x) >= log p(x) + log share

With share = 1/100 all but one sample in a hundred are noise, and it costs at most log 100 = 4.6
nats: little beside the thousands of nats of an image. And the reverse, a memory of the N training
images in which each pixel is kept or else drawn anew with probability eps:

    q(x) = (1/N) sum_n prod_d [ (1 - eps) 1(x_d = t_nd) + eps / L ]

Its samples are training images; a held-out image that differs in k pixels costs about k log(L/eps).

A note on the evaluation of generative models (Theis et al., 2016), arXiv:1511.01844, section 3.2.
Differs from the paper: the memory's kernel is over integers, so that its likelihood is exact.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from pushforward.core.catalogue import system
from pushforward.core.spaces import Pixels, count

system(
    "likelihood-and-samples",
    lecture=10,
    kind="theory",
    title="Likelihood and sample quality are independent",
    paper="arXiv:1511.01844",
)


def share_of(name: str, value: float) -> float:
    """Returns `value`; raises ValueError unless it is above 0 and below 1."""
    if not 0 < value < 1:
        raise ValueError(f"{name} must be above 0 and below 1, not {value!r}")
    return value


def diluted_log_prob(log_p: Tensor, space: Pixels, share: float = 0.01) -> Tensor:
    """Log of share p + (1 - share) uniform in nats, (batch,), from log p (a bound gives a bound).

    >>> diluted_log_prob(torch.tensor([0.0]), Pixels(1, 8, 8)).round(decimals=3)
    tensor([-4.6050])
    """
    share_of("share", share)
    uniform = math.log1p(-share) - space.dims * math.log(space.levels)
    return torch.logaddexp(log_p + math.log(share), torch.full_like(log_p, uniform))


def diluted(samples: Tensor, space: Pixels, share: float = 0.01, seed: int = 0) -> Tensor:
    """Samples of the mixture, from as many samples of p: most are replaced by noise."""
    share_of("share", share)
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randint(0, space.levels, samples.shape, generator=generator, dtype=torch.uint8)
    kept = torch.rand(len(samples), generator=generator) < share
    return torch.where(kept.view(-1, 1, 1, 1), space.check(samples), noise)


def memory_log_prob(x: Tensor, train: Tensor, space: Pixels, eps: float = 1e-3) -> Tensor:
    """Log q(x) in nats, (batch,) float64, of a memory of the images `train`."""
    share_of("eps", eps)
    space.check(train, "train")
    same, other = math.log(1 - eps + eps / space.levels), math.log(eps / space.levels)
    known = train.flatten(1)
    rows = []
    for image in space.check(x).flatten(1):
        matches = (known == image).sum(1).double()
        each = matches * same + (space.dims - matches) * other
        rows.append(each.logsumexp(0) - math.log(len(known)))
    return torch.stack(rows)


def memory_samples(
    n: int, train: Tensor, space: Pixels, eps: float = 1e-3, seed: int = 0
) -> Tensor:
    """`n` samples of the memory: training images with a pixel drawn anew here and there."""
    share_of("eps", eps)
    generator = torch.Generator().manual_seed(seed)
    images = space.check(train, "train")[
        torch.randint(len(train), (count("n", n),), generator=generator)
    ]
    noise = torch.randint(0, space.levels, images.shape, generator=generator, dtype=torch.uint8)
    return torch.where(torch.rand(images.shape, generator=generator) < eps, noise, images)
