"""Two sides of one KL: fitting data by a flow = making the data's noise look like noise.

    KL(p* || p_theta) = KL(p*_z || p_base),    p*_z(z) = p*(f^-1(z)) |det df^-1/dz|

A flow f carries p_theta to its base and the data's density p* to p*_z. KL does not change under a
bijection, so maximum likelihood in data space, a forward KL, is variational inference in noise
space with the roles exchanged: the data are the approximation, the base is the target.

Masked Autoregressive Flow (Papamakarios et al., 2017), arXiv:1705.07057, on its relation to IAF and
appendix A; Normalizing Flows for Probabilistic Modeling and Inference (Papamakarios et al.,
2021), arXiv:1912.02762, section 2.3.3.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from ..core.catalogue import system
from ..core.contract import Density
from ..core.spaces import count
from ..probability.bijections.bijection import Bijection


class FlowLike(Protocol):
    """A base density and a bijection from data to its noise."""

    base: Density
    bijection: Bijection

    def log_prob(self, x: Tensor) -> Tensor:
        """log p(x), (batch,)."""


@dataclass(frozen=True)
class Side:
    """A Monte-Carlo estimate of a KL in nats, and its standard error."""

    nats: float
    stderr: float


@torch.no_grad()
def data_side(target: Density, flow: FlowLike, n: int = 10_000) -> Side:
    """KL(p* || p_theta) from `n` draws of the target: E[log p*(x) - log p_theta(x)]."""
    x = target.sample(count("n", n, 2))
    return _side(target.log_prob(x) - flow.log_prob(x))


@torch.no_grad()
def noise_side(target: Density, flow: FlowLike, n: int = 10_000) -> Side:
    """KL(p*_z || p_base) from `n` fresh draws, carried to noise: E[log p*_z(z) - log p_base(z)].

    p*_z is evaluated by the *inverse* flow, so that the two sides share no term.
    """
    z, _ = flow.bijection(target.sample(count("n", n, 2)))
    x, log_det = flow.bijection.inverse(z)
    return _side(target.log_prob(x) + log_det - flow.base.log_prob(z))


def _side(gaps: Tensor) -> Side:
    gaps = gaps.double()
    return Side(gaps.mean().item(), gaps.std().item() / math.sqrt(len(gaps)))


system(
    "flow-kl-duality",
    lecture=5,
    kind="theory",
    title="Flow KL duality: forward in data space is reverse in noise space",
    paper="arXiv:1705.07057",
)
