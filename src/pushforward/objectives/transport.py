"""Optimal transport, exactly: on the line, and between finite sets of points.

    W_k(p, q)^k = inf_pi  E_pi |x - y|^k            over couplings pi of p and q
                = int_0^1 |F_p^-1(u) - F_q^-1(u)|^k du          on the line: sorting is optimal
    W_1(p, q)   = sup_{|f|_L <= 1} E_p f - E_q f                (Kantorovich-Rubinstein)

Peyre, Cuturi (2019), "Computational Optimal Transport", arXiv:1803.00567, chapters 2 and 3.
The plan is a linear program, solved by scipy's HiGHS, which scikit-learn brings.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from pushforward.core.catalogue import system

from . import checks
from .quadrature import grid

system(
    "wasserstein",
    lecture=1,
    kind="objective",
    title="Wasserstein distances: exact on the line and by linear programming",
    paper="Peyre, Cuturi (2019), arXiv:1803.00567",
)


def wasserstein_line(
    x: Tensor,
    y: Tensor,
    power: float = 1.0,
    x_weights: Tensor | None = None,
    y_weights: Tensor | None = None,
) -> Tensor:
    """W_power between samples x (n,) and y (m,) on the line, a scalar with gradients to both.

    Weights are probabilities of the same shapes; without them all samples count the same. Raises
    ValueError for other shapes, a power below 1, or weights that do not sum to 1.
    """
    x, x_levels = _sorted("x", x, x_weights)
    y, y_levels = _sorted("y", y, y_weights)
    # Between two consecutive levels both quantile functions are constant.
    levels = torch.cat([x_levels, y_levels]).sort().values
    widths = torch.diff(levels, prepend=levels.new_zeros(1))
    middles = levels - widths / 2
    at_x = torch.searchsorted(x_levels, middles).clamp(max=len(x) - 1)
    at_y = torch.searchsorted(y_levels, middles).clamp(max=len(y) - 1)
    gap = (x[at_x] - y[at_y]).abs()
    if _power(power) == 1:
        return (widths * gap).sum()
    return (widths * gap**power).sum() ** (1 / power)


def _power(power: float) -> float:
    if not 1 <= power < math.inf:
        raise ValueError(f"W_k is a distance for a finite k of at least 1, not {power}")
    return power


def _sorted(name: str, x: Tensor, weights: Tensor | None) -> tuple[Tensor, Tensor]:
    if x.dim() != 1 or len(x) == 0 or not x.is_floating_point():
        raise ValueError(f"{name} must be float samples (n,), not {x.dtype} {list(x.shape)}")
    x, order = x.sort()
    if weights is None:
        return x, torch.arange(1, len(x) + 1, device=x.device, dtype=torch.float64) / len(x)
    checks.same_shape(**{name: x, f"{name}_weights": weights})
    return x, checks.probabilities(f"{name}_weights", weights)[order].double().cumsum(0)


def wasserstein_quantiles(
    quantile_p: Callable[[Tensor], Tensor],
    quantile_q: Callable[[Tensor], Tensor],
    power: float = 1.0,
    panels: int = 256,
) -> Tensor:
    """W_power of two distributions on the line, from their quantile functions (`icdf`), a scalar.

    Quadrature in t with u = (1 + tanh t) / 2, which packs points into both tails.
    """
    t, weights = grid(-18.0, 18.0, panels)
    # On the right 1 - u would lose its digits: 18 is where float64 still tells u from 1.
    u = torch.sigmoid(2 * t)
    density = 2 * u * torch.sigmoid(-2 * t)
    gap = (quantile_p(u) - quantile_q(u)).abs() ** _power(power)
    return (weights * density * gap).sum() ** (1 / power)


def cost_matrix(x: Tensor, y: Tensor, power: float = 2.0) -> Tensor:
    """|x_i - y_j|^power in the Euclidean norm, (n, m), of samples (n, ...) and (m, ...)."""
    x, y = checks.two_samples(x, y)
    if _power(power) == 2:
        return (x[:, None] - y[None]).square().sum(-1)
    # Unlike a square root, `cdist` has the gradient 0 between equal points.
    return torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist") ** power


def transport_plan(cost: Tensor, p: Tensor, q: Tensor) -> Tensor:
    """The coupling (n, m) of p (n,) and q (m,) that costs least, for a cost (n, m), in float64.

    Its cost is (plan * cost).sum(). The program has n m unknowns: meant for up to about 500 x 500.
    Raises ValueError for shapes that do not fit and for what is not a probability vector.
    """
    from scipy.optimize import linprog

    checks.transport_problem(cost, p, q)
    mass = torch.cat([p, q]).detach().double().cpu()
    mass[len(p) :] *= mass[: len(p)].sum() / mass[len(p) :].sum()  # rounding is infeasible
    flat = cost.detach().double().flatten().cpu()
    result = linprog(flat.numpy(), A_eq=_marginals(*cost.shape), b_eq=mass.numpy(), method="highs")
    if result.status != 0:
        raise ValueError(f"the linear program was not solved: {result.message}")
    return torch.as_tensor(result.x, dtype=torch.float64, device=cost.device).view(cost.shape)


def _marginals(n: int, m: int) -> object:
    from scipy.sparse import eye_array, kron, vstack

    rows = kron(eye_array(n), [[1.0] * m])
    columns = kron([[1.0] * n], eye_array(m))
    return vstack([rows, columns]).tocsr()


def wasserstein(x: Tensor, y: Tensor, power: float = 2.0) -> Tensor:
    """W_power between equally weighted samples (n, ...) and (m, ...), exactly: a scalar.

    Gradients reach x and y through the cost (the plan is optimal, so its own change adds nothing).
    """
    cost = cost_matrix(x, y, power)
    p, q = (torch.full((n,), 1 / n, dtype=torch.float64, device=x.device) for n in cost.shape)
    return (transport_plan(cost, p, q) * cost).sum() ** (1 / power)
