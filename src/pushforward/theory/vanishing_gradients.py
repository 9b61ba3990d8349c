"""Why the original loss of the generator vanishes, and what the other one costs.

    saturating        E_q[log(1 - D)]        slope in the logit  -D
    non-saturating    E_q[-log D]            slope in the logit  -(1 - D)

Early on D is near 0 on samples: the first slope dies just when there is most to learn. At D = D*:

    grad E_q[log(1 - D*)] = grad 2 JSD(p, q)
    grad E_q[-log D*]     = grad [KL(q || p) - 2 JSD(p, q)]

so that the second descends a reverse KL, and *climbs* a JSD: it prefers few, likely modes.

For p = N(0, s2) and q = N(t, s2), D* is a logistic function and both gradients are integrals on a
line: t / s2 E_q[D*] dies like exp(-t^2 / 8 s2), t / s2 E_q[1 - D*] grows like t / s2.

Goodfellow et al. (2014), arXiv:1406.2661, section 3; Arjovsky, Bottou (2017), arXiv:1701.04862,
theorems 2.4 and 2.5.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from pushforward.core.catalogue import system
from pushforward.objectives import checks
from pushforward.objectives.quadrature import grid

system(
    "vanishing-gradients",
    lecture=8,
    kind="theory",
    title="Vanishing gradients: the saturating and the non-saturating generator loss",
    paper="Arjovsky, Bottou (2017), arXiv:1701.04862",
)


def saturating(logits: Tensor) -> Tensor:
    """log(1 - D), elementwise, from a discriminator's logits at generated samples."""
    return F.logsigmoid(-logits)


def non_saturating(logits: Tensor) -> Tensor:
    """-log D, elementwise, from a discriminator's logits at generated samples."""
    return -F.logsigmoid(logits)


def slopes(logits: Tensor) -> tuple[Tensor, Tensor]:
    """d/d logit of both losses, elementwise: -D and -(1 - D)."""
    return -torch.sigmoid(logits), -torch.sigmoid(-logits)


def gradients_at_optimum(shift: Tensor, scale: float = 1.0) -> tuple[Tensor, Tensor]:
    """d/dt of both losses for p = N(0, scale^2), q = N(t, scale^2) at t = `shift`, under D*.

    D* is held fixed while t moves, as when the generator takes its turn. Both of `shift`'s shape,
    in float64: first the saturating, then the non-saturating. Raises ValueError for scale <= 0.
    """
    checks.positive_number("scale", scale)
    shift = shift.double()
    noise, weights = grid(-12.0, 12.0)
    density = weights * torch.distributions.Normal(0.0, 1.0).log_prob(noise).exp()
    x = shift[..., None] + scale * noise
    # log p - log q, and its slope in x, by which a sample pushes t.
    logits = shift[..., None] * (shift[..., None] - 2 * x) / (2 * scale**2)
    push = -shift[..., None] / scale**2
    first, second = ((density * slope * push).sum(-1) for slope in slopes(logits))
    return first, second
