"""Sinkhorn divergences: optimal transport with entropy, solved by rescaling.

    OT_eps(p, q) = min_pi  <pi, C> + eps KL(pi || p q')
    f_i = -eps log sum_j q_j exp((g_j - C_ij) / eps),    g likewise;    OT_eps = <p, f> + <q, g>
    S_eps(p, q)  = OT_eps(p, q) - OT_eps(p, p) / 2 - OT_eps(q, q) / 2

The entropy biases OT_eps: it is not 0 at p = q, and its minimiser in p is a shrunk q. S_eps takes
the bias off: it is 0 only at p = q, goes to OT as eps -> 0 and to MMD^2 / 2 with the kernel -C as
eps -> inf.

Cuturi (2013), arXiv:1306.0895; Feydy et al. (2019), arXiv:1810.08278, eqs. 1, 3 and 10.
All in the log domain: exp(-C / eps) itself underflows where eps is small.
"""

from __future__ import annotations

import torch
from torch import Tensor

from pushforward.core.spaces import count

from . import checks
from .transport import cost_matrix


def _soft_min(cost: Tensor, log_q: Tensor, potential: Tensor, eps: float) -> Tensor:
    return -eps * torch.logsumexp(log_q + (potential - cost) / eps, dim=-1)


def potentials(
    cost: Tensor, p: Tensor, q: Tensor, eps: float, rounds: int = 1000, tolerance: float = 1e-7
) -> tuple[Tensor, Tensor]:
    """The dual potentials f (n,) and g (m,) of OT_eps for a cost (n, m), p (n,) and q (m,).

    Stops where no potential moves by more than `tolerance` eps (or than its type can tell), at the
    latest after `rounds` rounds. Masses of 0 are allowed. Raises ValueError for eps <= 0.
    """
    checks.transport_problem(cost, p, q)
    checks.positive_number("eps", eps)
    log_p, log_q = p.log(), q.log()
    f, g = torch.zeros_like(p), torch.zeros_like(q)
    # Annealing from an eps of the cost's size, halved each round, saves most of the rounds.
    warmth = max(eps, cost.abs().max().item())
    for _ in range(count("rounds", rounds)):
        before, warmth = f, max(eps, warmth / 2)
        f = _soft_min(cost, log_q, g, warmth)
        g = _soft_min(cost.mT, log_p, f, warmth)
        smallest = 4 * torch.finfo(f.dtype).eps * f.abs().max()
        if warmth == eps and (f - before).abs().max() <= smallest.clamp(min=tolerance * eps):
            break
    return f, g


def entropic_plan(cost: Tensor, p: Tensor, q: Tensor, eps: float, rounds: int = 1000) -> Tensor:
    """The coupling (n, m) that minimises <pi, C> + eps KL(pi || p q')."""
    f, g = potentials(cost, p, q, eps, rounds)
    return p[:, None] * q * torch.exp((f[:, None] + g - cost) / eps)


def entropic_cost(cost: Tensor, p: Tensor, q: Tensor, eps: float, rounds: int = 1000) -> Tensor:
    """OT_eps(p, q), a scalar with the gradient of its minimum to `cost`."""
    with torch.no_grad():
        f, g = potentials(cost, p, q, eps, rounds)
        plan = p[:, None] * q * torch.exp((f[:, None] + g - cost) / eps)
    value = (p * f).sum() + (q * g).sum()
    # The value is the dual's, its slope in the cost is the plan: no round need be unrolled.
    return value + (plan * (cost - cost.detach())).sum()


def sinkhorn_divergence(
    x: Tensor, y: Tensor, eps: float, power: float = 2.0, rounds: int = 1000
) -> Tensor:
    """S_eps between equally weighted samples (n, ...) and (m, ...): a scalar, 0 for equal samples.

    In units of the cost |x - y|^power; gradients reach both. Raises ValueError for eps <= 0.
    """

    def between(a: Tensor, b: Tensor) -> Tensor:
        cost = cost_matrix(a, b, power)
        p, q = (cost.new_full((n,), 1 / n) for n in cost.shape)
        return entropic_cost(cost, p, q, eps, rounds)

    return between(x, y) - (between(x, x) + between(y, y)) / 2
