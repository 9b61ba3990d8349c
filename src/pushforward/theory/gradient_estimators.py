"""Three unbiased gradients of an expectation, from draws one by one, so that they can be compared.

    g = d/dphi E_{q(z; phi)} f(z)
    reparametrised   f'(z) dz/dphi            where z = T(eps; phi), or implicitly where the
                                              distribution function is known            (eq. 5)
    score function   (f(z) - b) d log q/dphi  for any q and f; b, the baseline, is the mean of f
                                              over the other draws

The reparametrised gradient knows the slope of f, the score function only its values: what f does
not owe to phi is noise to it, and grows with every dimension. A baseline takes the constant part of
that noise away, no more.

Auto-Encoding Variational Bayes (Kingma & Welling, 2014), arXiv:1312.6114, section 2.4; Simple
Statistical Gradient-Following Algorithms (Williams, 1992), on REINFORCE; Implicit
Reparameterization Gradients (Figurnov et al., 2018), arXiv:1805.08498, eq. 5; leave-one-out
baseline: Kool et al. (2019), "Buy 4 REINFORCE Samples, Get a Baseline for Free!".
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.distributions import Distribution, Gamma, Independent, Normal

from ..core.catalogue import system
from ..core.spaces import count
from ..probability.implicit import NormalMixture, followed

Family = Callable[[Tensor], Distribution]
"""Parameters (n, p) to a batch of n distributions over vectors."""
Function = Callable[[Tensor], Tensor]
"""Draws (n, d) to values (n,)."""


def reparametrised(family: Family, phi: Tensor, f: Function, n: int) -> Tensor:
    """`n` gradients (n, p) at phi (p,), each by one draw that the family's `rsample` follows.

    Raises ValueError where the family has no such draws.
    """
    own = _copies(phi, n)
    q = family(own)
    if not q.has_rsample:
        raise ValueError(
            f"{type(q).__name__} has no draws that follow its parameters: take the score function"
        )
    return _gradient(f(q.rsample()), own)


def score_function(
    family: Family, phi: Tensor, f: Function, n: int, baseline: bool = False
) -> Tensor:
    """`n` gradients (n, p) by the score; with a baseline, the others' mean is taken off first."""
    own = _copies(phi, n, 2)
    q = family(own)
    z = q.sample()
    with torch.no_grad():
        value = f(z)
        if baseline:
            value = value - (value.sum() - value) / (n - 1)
    return _gradient(value * q.log_prob(z), own)


def implicit(
    family: Family,
    phi: Tensor,
    f: Function,
    n: int,
    distribution: Callable[[Tensor, Tensor], Tensor],
) -> Tensor:
    """`n` gradients (n, p) of a family over numbers (n, 1), by its distribution function alone.

    `distribution(phi, z)` is F for parameters (n, p) and draws (n, 1); it must be differentiable.
    """
    own = _copies(phi, n)
    q = family(own)
    z = q.sample()
    moved = followed(z, distribution(own, z), q.log_prob(z).exp()[:, None])
    return _gradient(f(moved), own)


def _copies(phi: Tensor, n: int, least: int = 1) -> Tensor:
    if phi.dim() != 1:
        raise ValueError(f"parameters must be a vector (p,), not of shape {tuple(phi.shape)}")
    return phi.detach().expand(count("n", n, least), -1).clone().requires_grad_()


def _gradient(values: Tensor, own: Tensor) -> Tensor:
    (gradient,) = torch.autograd.grad(values.sum(), own)
    return gradient


def normal(phi: Tensor) -> Distribution:
    """Independent normals over d numbers; `phi` (n, 2 d) are means and log-scales."""
    mean, log_scale = phi.chunk(2, -1)
    return Independent(Normal(mean, log_scale.exp(), validate_args=False), 1)


def gamma(phi: Tensor) -> Distribution:
    """Independent gammas of rate 1 over d numbers; `phi` (n, d) are log-concentrations.

    Nobody knows their noise: torch follows draws by eq. 5.
    """
    shape = phi.exp()
    return Independent(Gamma(shape, torch.ones_like(shape), validate_args=False), 1)


def mixture(phi: Tensor) -> Distribution:
    """Two normals over a number; `phi` (n, 5) is the logit of the second, means, log-scales."""
    logits = torch.stack([torch.zeros_like(phi[:, 0]), phi[:, 0]], -1)
    means, log_scales = phi[:, 1:].unsqueeze(-1).chunk(2, 1)
    return NormalMixture(logits, means, log_scales.exp())


system(
    "gradient-estimators",
    lecture=3,
    kind="theory",
    title="Reparametrised, score-function and implicit gradients",
    paper="arXiv:1805.08498",
)
