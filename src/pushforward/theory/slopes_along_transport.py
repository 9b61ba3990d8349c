"""The best critic of WGAN, exactly: its slope is one on every line along which mass is moved.

    W1 = max_{|f|_L <= 1} E_p f - E_q f,        f(y + s (x - y)) = f(y) + s |x - y|,  s in [0, 1]

for every pair (x, y) that an optimal coupling joins: f gains |x - y| from y to x, which is all that
it may, so it must climb as steeply as allowed all the way. Where f is differentiable, its gradient
there is (x - y) / |x - y|. That is why WGAN-GP asks for slopes of one between data and fakes; it
pairs them by chance, though, and not by the coupling.

Between samples, the potentials g of the linear program's dual extend to everywhere by

    f(z) = min_j  g(y_j) + |z - y_j|        (McShane, 1934)

a minimum of cones of slope one, which is a best critic.

Improved Training of Wasserstein GANs (Gulrajani et al., 2017), arXiv:1704.00028, proposition 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pushforward.core.catalogue import system
from pushforward.objectives.transport import cost_matrix, transport_plan

system(
    "unit-slope-critic",
    lecture=9,
    kind="theory",
    title="The optimal critic has slope one along transport lines",
    paper="Gulrajani et al. (2017), arXiv:1704.00028, proposition 1",
)


@dataclass(frozen=True)
class BestCritic:
    """A 1-Lipschitz function of points (n, ...): a minimum of cones over the fakes, in float64."""

    fakes: Tensor
    potentials: Tensor

    def __call__(self, z: Tensor) -> Tensor:
        """f(z), (n,), with gradients."""
        return (self.potentials + cost_matrix(z.double(), self.fakes, power=1)).min(1).values


def best_critic(x: Tensor, y: Tensor) -> BestCritic:
    """Of equally weighted data x (n, ...) and fakes y (m, ...), as it stands in the dual program.

    Raises ValueError for shapes that do not fit. Meant for up to about 300 of each.
    """
    from scipy.optimize import linprog
    from scipy.sparse import eye_array, hstack, kron

    cost = cost_matrix(x.double(), y.double(), power=1).detach().cpu()
    n, m = cost.shape
    # max mean_i h_i - mean_j g_j  under  h_i - g_j <= |x_i - y_j|
    rows = kron(eye_array(n), [[1.0]] * m)
    columns = kron([[1.0]] * n, eye_array(m))
    gains = [-1 / n] * n + [1 / m] * m
    found = linprog(
        gains,
        A_ub=hstack([rows, -columns]).tocsr(),
        b_ub=cost.flatten().numpy(),
        bounds=(None, None),
        method="highs",
    )
    if found.status != 0:
        raise ValueError(f"the dual program was not solved: {found.message}")
    potentials = torch.as_tensor(found.x[n:], dtype=torch.float64, device=y.device)
    return BestCritic(y.double(), potentials)


def transport_lines(x: Tensor, y: Tensor, least: float = 1e-9) -> tuple[Tensor, Tensor]:
    """The ends (pairs, ...) of the lines along which an optimal coupling moves y to x."""
    cost = cost_matrix(x.double(), y.double(), power=1)
    p, q = (torch.full((k,), 1 / k, dtype=torch.float64) for k in cost.shape)
    i, j = (transport_plan(cost, p, q) > least).nonzero(as_tuple=True)
    return x[i], y[j]
