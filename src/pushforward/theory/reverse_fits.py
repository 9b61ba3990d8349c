"""Reverse KL: variational inference, which may leave out.

    KL(q || p) = E_q[log q(x) - log p(x)] = -entropy(q) + E_q[energy] + log Z,     p = e^-energy / Z

Where q has mass and p has none it costs infinitely much, so that a q too simple for p seeks one of
its modes and forgets the others; which one is a matter of the start. It needs log p up to a
constant, and no samples: a Boltzmann density, a posterior, a teacher. The gradient runs through the
samples: q must draw them as a function of noise. A weight of the energy that grows to 1 lets q
spread before it settles, so that it finds more of the modes.

Bishop (2006), section 10.1.2 and figure 10.3; Kingma, Welling (2014), arXiv:1312.6114, section 2.4;
the growing weight: Rezende, Mohamed (2015), arXiv:1505.05770, eq. 20.
"""

from __future__ import annotations

import math
from typing import Protocol, cast, runtime_checkable

import torch
from torch import Tensor

from pushforward.core.blueprint import Component
from pushforward.core.catalogue import example, system
from pushforward.core.contract import Density, Generative, Player, Pushforward, Terms
from pushforward.objectives import checks
from pushforward.objectives.quadrature import LogDensity, grid
from pushforward.objectives.variational import Schedule, weight_of
from pushforward.probability.gaussian import FixedMixture, Gaussian

system(
    "reverse-kl",
    lecture=1,
    kind="theory",
    title="Reverse KL: variational inference, mode seeking",
    paper="Bishop (2006), Pattern Recognition and Machine Learning, section 10.1.2",
)


@runtime_checkable
class Reparametrised(Protocol):
    """A model whose samples carry gradients to its parameters."""

    def rsample(self, n: int) -> Tensor:
        """`n` data, as a function of noise and parameters."""


@runtime_checkable
class KnowsItsDraws(Protocol):
    """A model that tells the density of its own draws, which may be cheaper than of other data."""

    def rsample_and_log_prob(self, n: int) -> tuple[Tensor, Tensor]:
        """`n` data, as a function of noise and parameters, and log p of them in nats."""


def reparametrised(model: Generative, n: int) -> Tensor:
    """`n` samples with gradients to the model's parameters: its `rsample`, or pushed noise.

    Raises ValueError for a model that has neither (discrete data have no such gradient).
    """
    if isinstance(model, Reparametrised):
        return model.rsample(n)
    if isinstance(model, Pushforward):
        return model.push(model.latents(n))
    raise ValueError(
        f"{type(model).__name__} draws no sample as a function of noise (it has neither rsample "
        "nor latents and push), so that a reverse KL has no gradient"
    )


class ReverseKL(Generative):
    """Fits `model` to `target` by KL(model || target): the same trainer, another loss.

    Of a batch of data only its size is used. The target stays as it is: it belongs to no player.

    Args:
        model: a density that draws samples as a function of noise.
        target: a component with `log_prob(x)`, (batch,), of the model's space, up to a constant.
        beta: weight of the energy; a schedule anneals it during training. The loss is a KL where
            it is 1, and with a schedule at its end.
    """

    def __init__(self, model: Density, target: Component, beta: float | Schedule = 1.0):
        super().__init__(model.space)
        if not isinstance(model, Reparametrised | Pushforward):
            reparametrised(model, 1)
        if getattr(target, "space", model.space) != model.space:
            raise ValueError(f"the target is over {target.space}, the model over {model.space}")
        self.model, self.target, self.beta = model, target, beta

    def sample(self, n: int) -> Tensor:
        """`n` data of the model."""
        return self.model.sample(n)

    def players(self) -> tuple[Player, ...]:
        """The model alone."""
        return (Player("model", self.model, self.loss),)

    def loss(self, *batch: Tensor) -> Terms:
        """{"negative_entropy", "energy"}, each (batch,): they sum to KL(q || p) up to log Z."""
        x, log_q = self._drawn(len(batch[0]))
        energy = -cast(Density, self.target).log_prob(x)
        return {"negative_entropy": log_q, "energy": weight_of(self.beta, self.progress) * energy}

    def log_ratios(self, n: int) -> Tensor:
        """log q(x) - log p(x) in nats at `n` draws x of the model, (n,)."""
        x, log_q = self._drawn(n)
        return log_q - cast(Density, self.target).log_prob(x)

    def _drawn(self, n: int) -> tuple[Tensor, Tensor]:
        if isinstance(self.model, KnowsItsDraws):
            return self.model.rsample_and_log_prob(n)
        x = reparametrised(self.model, n)
        return x, self.model.log_prob(x)


def reverse_fit_on_line(
    log_p: LogDensity, low: float, high: float, mean: float, scale: float = 1.0
) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of a Gaussian at a minimum of KL(q || p), two scalars.

    The minimum near the start N(mean, scale^2), by L-BFGS on an integral over [low, high]. `log_p`
    maps points (n,) to log-densities (n,), up to a constant. Raises ValueError for scale <= 0.
    """
    points, weights = grid(low, high)
    at_p = log_p(points)
    theta = torch.tensor([mean, math.log(checks.positive_number("scale", scale))]).double()
    theta.requires_grad_()
    search = torch.optim.LBFGS([theta], max_iter=200, line_search_fn="strong_wolfe")

    def kl() -> Tensor:
        search.zero_grad()
        at_q = torch.distributions.Normal(theta[0], theta[1].exp()).log_prob(points)
        value = (weights * at_q.exp() * (at_q - at_p)).sum()
        value.backward()
        return value.detach()

    search.step(kl)
    return theta[0].detach(), theta[1].detach().exp()


@example(data="moons")
def reverse_kl() -> ReverseKL:
    """The smallest instance: a Gaussian that learns two bumps where the moons are."""
    return ReverseKL(Gaussian(2), FixedMixture(((-1.0, 0.8), (1.0, -0.8)), (1.2, 1.2)))
