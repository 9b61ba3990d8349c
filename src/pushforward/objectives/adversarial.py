"""What games between a generator and a critic share: slopes of a critic, and losses on its scores.

A loss on scores is a record with two methods, of `real` and `fake`, the critic's scores (batch,):

| loss | critic minimises | generator minimises |
|---|---|---|
| Saturating | softplus(-real) + softplus(fake) | -softplus(fake) |
| NonSaturating | the same | softplus(-fake) |
| LeastSquares | ((real - 1)^2 + fake^2) / 2 | (fake - 1)^2 / 2 |
| Hinge | relu(1 - real) + relu(1 + fake) | -fake |
| Wasserstein | fake - real | -fake |
| Relativistic | softplus(-(real - mean fake)) + softplus(fake - mean real) | roles changed |

Saturating, NonSaturating: Goodfellow et al. (2014), arXiv:1406.2661, eq. 1 and section 3, with
D = sigmoid(score). LeastSquares: Mao et al. (2016), arXiv:1611.04076, eq. 9 (a = 0, b = c = 1).
Hinge: Lim and Ye (2017), arXiv:1705.02894; Miyato et al. (2018), arXiv:1802.05957, eqs. 16-17.
Wasserstein: Arjovsky et al. (2017), arXiv:1701.07875, eq. 2. Relativistic: the average form of
Jolicoeur-Martineau (2018), arXiv:1807.00734, section 4.2, halved nowhere.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch.nn.functional import relu, softplus

from ..core.blueprint import record
from ..core.contract import Terms


def between(real: Tensor, fake: Tensor) -> Tensor:
    """A point on each line from `real` to `fake`, uniform along it: (batch, ...)."""
    t = torch.rand(len(real), *[1] * (real.dim() - 1), device=real.device, dtype=real.dtype)
    return real + t * (fake - real)


@torch.compiler.disable  # torch.compile refuses to differentiate a gradient once more
def gradient_norm(critic: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """|grad_x critic(x)| for every datum, (batch,); where gradients are on, it carries them.

    The critic must treat its data one by one: no batch normalisation.
    """
    further = torch.is_grad_enabled()
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        (slope,) = torch.autograd.grad(critic(x).sum(), x, create_graph=further)
    return slope.flatten(1).norm(dim=1)


class AdversarialLoss(Protocol):
    """What critic and generator minimise, given the critic's scores."""

    def critic(self, real: Tensor, fake: Tensor) -> Terms:
        """The critic's terms, each (batch,)."""

    def generator(self, fake: Tensor, real: Callable[[], Tensor]) -> Terms:
        """The generator's terms, each (batch,); `real` scores real data, for who asks."""


@record
@dataclass(frozen=True)
class Saturating:
    """The minimax game: the generator minimises what the critic maximises."""

    def critic(self, real: Tensor, fake: Tensor) -> Terms:
        """-log D(x) and -log(1 - D(G(z)))."""
        return {"real": softplus(-real), "fake": softplus(fake)}

    def generator(self, fake: Tensor, real: Callable[[], Tensor]) -> Terms:
        """log(1 - D(G(z))): flat where the critic is sure."""
        return {"fake": -softplus(fake)}


@record
@dataclass(frozen=True)
class NonSaturating(Saturating):
    """The same critic, and a generator that is steep where the critic is sure."""

    def generator(self, fake: Tensor, real: Callable[[], Tensor]) -> Terms:
        """-log D(G(z))."""
        return {"fake": softplus(-fake)}


@record
@dataclass(frozen=True)
class LeastSquares:
    """Scores are drawn to 1 on real data and to 0 on fakes."""

    def critic(self, real: Tensor, fake: Tensor) -> Terms:
        """(D(x) - 1)^2 / 2 and D(G(z))^2 / 2."""
        return {"real": (real - 1) ** 2 / 2, "fake": fake**2 / 2}

    def generator(self, fake: Tensor, real: Callable[[], Tensor]) -> Terms:
        """(D(G(z)) - 1)^2 / 2."""
        return {"fake": (fake - 1) ** 2 / 2}


@record
@dataclass(frozen=True)
class Hinge:
    """The critic cares only about scores within the margin 1."""

    def critic(self, real: Tensor, fake: Tensor) -> Terms:
        """relu(1 - D(x)) and relu(1 + D(G(z)))."""
        return {"real": relu(1 - real), "fake": relu(1 + fake)}

    def generator(self, fake: Tensor, real: Callable[[], Tensor]) -> Terms:
        """-D(G(z))."""
        return {"fake": -fake}


@record
@dataclass(frozen=True)
class Wasserstein:
    """The dual of the Wasserstein distance, for a critic that is kept 1-Lipschitz."""

    def critic(self, real: Tensor, fake: Tensor) -> Terms:
        """f(G(z)) - f(x), whose mean is minus the estimate of the distance."""
        return {"wasserstein": fake - real}

    def generator(self, fake: Tensor, real: Callable[[], Tensor]) -> Terms:
        """-f(G(z))."""
        return {"wasserstein": -fake}


@record
@dataclass(frozen=True)
class Relativistic:
    """Is a real datum more real than the fakes are on average? And a fake than the real data?"""

    def critic(self, real: Tensor, fake: Tensor) -> Terms:
        """Real data should score above the mean fake, fakes below the mean real datum."""
        return {"real": softplus(fake.mean() - real), "fake": softplus(fake - real.mean())}

    def generator(self, fake: Tensor, real: Callable[[], Tensor]) -> Terms:
        """The same with the roles changed: gradients flow through both means."""
        return self.critic(fake, real())
