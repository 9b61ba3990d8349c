"""What games between a generator and a critic share: slopes of a critic, and losses on its scores.

A loss on scores is a record with two methods, of `real` and `fake`, the critic's scores (batch,):

| loss | critic minimises | generator minimises |
|---|---|---|
| Saturating | softplus(-real) + softplus(fake) | -softplus(fake) |
| NonSaturating | the same | softplus(-fake) |
| Smoothed | -t log D(real) - (1 - t) log(1 - D(real)) - log(1 - D(fake)) | softplus(-fake) |
| LeastSquares | ((real - b)^2 + (fake - a)^2) / 2 | (fake - c)^2 / 2 |
| Hinge | relu(1 - real) + relu(1 + fake) | -fake |
| Wasserstein | fake - real | -fake |
| Drift | another's, and w real^2 | another's |
| Relativistic | another's, of real - mean fake and fake - mean real | roles changed |
| RelativisticPairs | another's, of real - fake and fake - real, halved | roles changed |

Saturating, NonSaturating: Goodfellow et al. (2014), arXiv:1406.2661, eq. 1 and section 3, with
D = sigmoid(score). Smoothed: Salimans et al. (2016), arXiv:1606.03498, section 3.4. LeastSquares:
Mao et al. (2016), arXiv:1611.04076, eqs. 2 and 9 (a = 0, b = c = 1).
Hinge: Lim and Ye (2017), arXiv:1705.02894; Miyato et al. (2018), arXiv:1802.05957, eqs. 16-17.
Wasserstein: Arjovsky et al. (2017), arXiv:1701.07875, eq. 2. Drift: Karras et al. (2018),
arXiv:1710.10196, appendix A.1. Relativistic: the average form of
Jolicoeur-Martineau (2018), arXiv:1807.00734, section 4.2, halved nowhere; RelativisticPairs: her
section 4.1. Both are of any loss here, by default the logistic. Penalties: `penalties.py`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch.nn.functional import relu, softplus

from ..core.blueprint import record
from ..core.contract import Terms
from ..core.shares import mean, number, total


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


@torch.compiler.disable
def adaptive_weight(
    reconstruction: Tensor, adversarial: Tensor, last: Tensor, delta: float = 1e-6
) -> Tensor:
    """lambda, () without gradient, by which two losses (batch,) pull equally at a decoder's end.

        lambda = |d reconstruction / d last| / (|d adversarial / d last| + delta),   at most 1e4

    of the batch's means, for `last`, the weight of the last layer. 1 where no gradient is recorded.
    It is the same for all processes of a run; the parts of an accumulated batch have one each.

    Taming Transformers for High-Resolution Image Synthesis (Esser et al., 2021), arXiv:2012.09841,
    eq. 7; the bound is of the authors' code.
    """
    losses = reconstruction, adversarial
    if not all(loss.requires_grad for loss in losses):
        return adversarial.new_ones(())
    slopes = (torch.autograd.grad(loss.sum(), last, retain_graph=True)[0] for loss in losses)
    pull, push = (total(slope).norm() / number(adversarial) for slope in slopes)
    return (pull / (push + delta)).clamp(max=1e4)


def with_slope(x: Tensor, factor: Tensor) -> Tensor:
    """`x` as it is, with `factor` times its gradient."""
    return factor * x + (1 - factor) * x.detach()


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
class Smoothed(NonSaturating):
    """One-sided label smoothing: data should be taken for real with probability `target`, not 1.

    The best critic is then target p / (p + q): where p is small, no score grows without bound.
    """

    target: float = 0.9

    def __post_init__(self) -> None:
        if not 0 < self.target <= 1:
            raise ValueError(f"the target must be a probability in (0, 1], not {self.target!r}")

    def critic(self, real: Tensor, fake: Tensor) -> Terms:
        """-t log D(x) - (1 - t) log(1 - D(x)) and -log(1 - D(G(z)))."""
        smoothed = self.target * softplus(-real) + (1 - self.target) * softplus(real)
        return {"real": smoothed, "fake": softplus(fake)}


@record
@dataclass(frozen=True)
class LeastSquares:
    """Scores are drawn to b on real data and to a on fakes; the generator draws them to c.

    At the best critic, (b p + a q) / (p + q), the terms E (D - c)^2 / 2 of data and fakes are half
    of Pearson's chi-square int (2 q - (p + q))^2 / (p + q), where b - c = 1 and b - a = 2.
    """

    a: float = 0.0
    b: float = 1.0
    c: float = 1.0

    def __post_init__(self) -> None:
        if not all(map(math.isfinite, (self.a, self.b, self.c))) or self.a == self.b:
            raise ValueError(
                f"the targets a of fakes, b of data and c must be finite, a other than b: {self}"
            )

    def critic(self, real: Tensor, fake: Tensor) -> Terms:
        """(D(x) - b)^2 / 2 and (D(G(z)) - a)^2 / 2."""
        return {"real": (real - self.b) ** 2 / 2, "fake": (fake - self.a) ** 2 / 2}

    def generator(self, fake: Tensor, real: Callable[[], Tensor]) -> Terms:
        """(D(G(z)) - c)^2 / 2."""
        return {"fake": (fake - self.c) ** 2 / 2}


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
class Drift:
    """Another loss, with `weight` D(x)^2 for the critic: scores of data stay near 0.

    A Wasserstein critic may add any constant to all scores without losing or winning anything.
    """

    loss: AdversarialLoss = Wasserstein()
    weight: float = 1e-3

    def __post_init__(self) -> None:
        if not 0 <= self.weight < math.inf:
            raise ValueError(f"the weight of drift must be at least 0, not {self.weight!r}")

    def critic(self, real: Tensor, fake: Tensor) -> Terms:
        """The loss's terms, and the squared scores of data."""
        return {**self.loss.critic(real, fake), "drift": self.weight * real**2}

    def generator(self, fake: Tensor, real: Callable[[], Tensor]) -> Terms:
        """The loss's terms."""
        return self.loss.generator(fake, real)


@record
@dataclass(frozen=True)
class Relativistic:
    """Is a real datum more real than the fakes are on average? And a fake than the real data?

    `loss` is what is asked of the differences.
    """

    loss: AdversarialLoss = NonSaturating()

    def critic(self, real: Tensor, fake: Tensor) -> Terms:
        """Real data should score above the mean fake, fakes below the mean real datum."""
        return self.loss.critic(real - mean(fake), fake - mean(real))

    def generator(self, fake: Tensor, real: Callable[[], Tensor]) -> Terms:
        """The same with the roles changed: gradients flow through both means."""
        return self.critic(fake, real())


@record
@dataclass(frozen=True)
class RelativisticPairs:
    """Is this real datum more real than this fake?

    Half of both of the loss's terms: where f2(-y) = f1(y), as for the logistic loss, that is f1.
    """

    loss: AdversarialLoss = NonSaturating()

    def critic(self, real: Tensor, fake: Tensor) -> Terms:
        """Real data should score above the fakes beside them."""
        terms = self.loss.critic(real - fake, fake - real)
        return {name: term / 2 for name, term in terms.items()}

    def generator(self, fake: Tensor, real: Callable[[], Tensor]) -> Terms:
        """The same with the roles changed."""
        return self.critic(fake, real())
