"""How a density moves under drift and noise, and all other motions that it cannot tell from it.

    dx = f(x) dt + g dw:          dp/dt = -(f p)' + g^2 / 2 p''        (Fokker-Planck, on the line)
    the same p for every l >= 0:  dx = [f + (l^2 - g^2) / 2 (log p)'] dt + l dw

l = g is the process itself, l = 0 the probability flow. Backwards in time, with noise l, the drift
is -f + (l^2 + g^2) / 2 (log p)': l = g is Anderson's reverse process. Langevin dynamics is f = 0,
g = 0 and l = sqrt 2: p does not move at all.

Score-Based Generative Modeling through Stochastic Differential Equations (Song et al., 2021),
arXiv:2011.13456, eqs. 6, 13 and appendix D.1.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from pushforward.core.catalogue import system

system(
    "fokker-planck",
    lecture=13,
    kind="theory",
    title="Fokker-Planck: processes of one density, from the probability flow to the reverse SDE",
    paper="Song et al. (2021), arXiv:2011.13456, eqs. 6 and 13",
)

Field = Callable[[Tensor], Tensor]


def density_rate(log_prob: Field, drift: Field, noise: float, x: Tensor) -> Tensor:
    """dp/dt at points of the line, (n,), under dx = drift(x) dt + noise dw.

    >>> normal = torch.distributions.Normal(0.0, 1.0)
    >>> density_rate(normal.log_prob, lambda x: -x, 2**0.5, torch.zeros(1)).abs().item()
    0.0
    """
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        p = log_prob(x).exp()
        flux = drift(x) * p - noise**2 / 2 * _slope(p, x)
        return -_slope(flux, x).detach()


def same_marginals(
    drift: Tensor, score: Tensor, noise: float, other: float = 0.0, back: bool = False
) -> Tensor:
    """The drift that, with noise `other`, has the density of a process with `drift` and `noise`.

    `score` is (log p)' at the same points, of any shape; with `back` time runs the other way.
    """
    if back:
        return -drift + (other**2 + noise**2) / 2 * score
    return drift + (other**2 - noise**2) / 2 * score


def _slope(values: Tensor, x: Tensor) -> Tensor:
    (slope,) = torch.autograd.grad(values.sum(), x, create_graph=True)
    return slope
