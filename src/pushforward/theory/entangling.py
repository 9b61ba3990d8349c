"""Disentanglement cannot be learned from data alone: a change of latents that nothing shows.

    f(z) = F^-1( Phi( A Phi^-1( F(z) ) ) ),    A orthogonal without zeros

F are the distribution functions of a prior's independent latents. f keeps the prior as it is, every
latent of one code moves with every latent of the other, and both make the same data: no method that
sees x alone can tell z from f(z).

Challenging Common Assumptions in the Unsupervised Learning of Disentangled Representations
(Locatello et al., 2019), arXiv:1811.12359, theorem 1 and appendix A.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.distributions import Distribution, Normal

from ..core.catalogue import system

system(
    "impossibility",
    lecture=7,
    kind="theory",
    title="Disentanglement cannot be learned from data alone",
    paper="arXiv:1811.12359",
)


def entangled(z: Tensor, marginals: Distribution, turn: Tensor) -> Tensor:
    """f of latents (batch, latent).

    Args:
        marginals: whose `cdf` and `icdf` are those of each latent, of batch shape () or (latent,).
        turn: A (latent, latent), orthogonal.

    Raises ValueError for a matrix that is not orthogonal.
    """
    eye = torch.eye(len(turn), dtype=turn.dtype, device=turn.device)
    if turn.shape != eye.shape or not torch.allclose(turn @ turn.T, eye, atol=1e-5):
        raise ValueError("turn must be an orthogonal matrix: take torch.linalg.qr(...).Q")
    normal = Normal(z.new_zeros(()), z.new_ones(()))
    return marginals.icdf(normal.cdf(normal.icdf(marginals.cdf(z)) @ turn.T))


def full_turn(latent: int, like: Tensor) -> Tensor:
    """An orthogonal matrix without zeros for any number of latents from 2: I - 2 v v' / |v|^2.

    v = (1, ..., 1, 1/2): off the diagonal no entry is 0, and on it 2 v_i^2 is never |v|^2.
    """
    v = torch.ones(latent, dtype=like.dtype, device=like.device)
    v[-1] = 0.5
    return torch.eye(latent, dtype=like.dtype, device=like.device) - 2 * torch.outer(v, v) / (v @ v)
