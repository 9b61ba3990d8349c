"""The FactorVAE score: does the latent that varies least give away which factor was held?

    d*    = argmin_d Var[ z_d / s_d ]    over L examples alike in factor k;  s_d of all examples
    score = P( majority vote of d* = k )

No classifier has to be trained. 1 is perfect, 1 / factors is chance. As long as every factor moves
some latent most, a rotated code scores nearly 1 as well.

Disentangling by Factorising (Kim & Mnih, 2018), arXiv:1802.05983, section 4.
Differs from the paper: the votes that are counted are not those that elected the majority. Latents
that never vary take no part.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ...core.spaces import count
from ..measurement import Measurement
from .codes import accuracy, checked, partners, varying


def factor_vae_score(
    codes: Tensor, factors: Tensor, examples: int = 64, votes: int = 4_000, seed: int = 0
) -> Measurement:
    """The accuracy for codes (n, latent) of factors (n, factors), and its standard error.

    Args:
        codes, factors: of the same examples.
        examples: L, which share a value.
        votes: half of them elect a factor for each latent, half are counted.
        seed: of the draws.

    Raises:
        ValueError: for other shapes, NaN, or where no factor varies.
    """
    z, v = checked(codes, factors)
    v = v[:, varying(v)]
    half = count("votes", votes, 2) // 2
    generator = torch.Generator().manual_seed(seed)
    held = torch.randint(v.shape[1], (2 * half,), generator=generator)
    least = stillest(z, v, held, count("examples", examples, 2), generator)
    table = torch.zeros(z.shape[1], v.shape[1])
    table.index_put_((least[:half], held[:half]), torch.ones(half), accumulate=True)
    right = table.argmax(1)[least[half:]] == held[half:]
    settings = f"{examples} examples a vote, {v.shape[1]} factors"
    return accuracy("FactorVAE score", right, z, settings)


def stillest(
    codes: Tensor, factors: Tensor, held: Tensor, examples: int, generator: torch.Generator
) -> Tensor:
    """d* for each factor of `held` (votes,); 0 where no latent varies at all."""
    spread = codes.var(0)
    variance = codes.new_empty(len(held), codes.shape[1])
    for k, column in enumerate(factors.T):
        own = held == k
        first = torch.randint(len(codes), (int(own.sum()), 1), generator=generator)
        alike = partners(column, first.expand(-1, examples), generator)
        variance[own] = codes[alike].var(1)
    return (variance / spread).nan_to_num(nan=torch.inf).argmin(1)
