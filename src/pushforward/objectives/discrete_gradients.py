"""Gradients through discrete choices: estimates of d/d phi E_q(z; phi) f(z) for categoricals z.

| estimator | gradient by logits phi | unbiased | evaluations of f |
|---|---|---|---|
| Reinforce | mean_k (f(z_k) - mean of the others) d log q(z_k) | yes | `samples` |
| NVIL | (f(z) - c - b(phi)) d log q(z), b and c learned | yes | 1 |
| VIMCO | of log mean_k w_k: each draw less what the others foretell | yes | `samples` |
| REBAR | (f(z) - eta f(s~)) d log q(z) + eta (d f(s) - d f(s~)) | yes | 3 |
| DisARM | (f(z) - f(z')) / 2 on what two opposite draws differ in | yes, 2 classes | 2 |
| Relaxed, StraightThrough | d f(softmax((phi + gumbel) / tau)) | no | 1 |
| GumbelRao | StraightThrough's, averaged over the noise that gives the same z | no | 1 |

s is the relaxed draw, s~ another whose hard draw is the same z. Biased ones come closer as the
temperature tau falls, and vary more; `pushforward draw discrete-gradients` shows both.

REINFORCE: Williams (1992); leave-one-out: Kool et al. (2019). NVIL: Mnih and Gregor (2014),
arXiv:1402.0030, eqs. 7-10 (without the division by a running deviation, which would rescale the
gradient). VIMCO: Mnih and Rezende (2016), arXiv:1602.06725, eqs. 10-12. REBAR: Tucker et al.
(2017), arXiv:1703.07370, eq. 8 and appendix C (eta is given, not learned). DisARM: Dong, Mnih and
Tucker (2020), arXiv:2006.10680, eq. 5. GumbelRao: Paulus, Maddison and Krause (2021),
arXiv:2010.04838, eq. 11.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from ..core.blueprint import Component, record
from ..core.catalogue import system
from ..core.contract import Terms
from ..core.spaces import count
from ..nn.mlp import MLP
from ..probability.gumbel import Estimator, ExpectationEstimator, Function, gumbel, one_hot
from .checks import positive_number


def log_mass(logits: Tensor, z: Tensor) -> Tensor:
    """log q(z) in nats of one-hot draws (..., variables, classes), (...)."""
    return (logits.log_softmax(-1) * z).sum((-1, -2))


def scored(value: Tensor, signal: Tensor, log_q: Tensor) -> Tensor:
    """`value`, whose gradient has signal d log q added to its own."""
    return value + signal.detach() * (log_q - log_q.detach())


def others(values: Tensor) -> Tensor:
    """The mean of all other rows in each row of (samples, batch); of one row, 0."""
    return (values.sum(0) - values) / max(1, len(values) - 1) * (len(values) > 1)


@record
@dataclass(frozen=True)
class Reinforce(ExpectationEstimator):
    """The score function, whose baseline is what the other draws gave; of one draw, none."""

    samples: int = 2

    def __post_init__(self) -> None:
        count("samples", self.samples)

    def expectation(self, f: Function, logits: Tensor, temperature: float | Tensor) -> Tensor:
        """The mean of f over draws, (batch,)."""
        z = [one_hot(logits) for _ in range(self.samples)]
        values = torch.stack([f(one) for one in z])
        log_q = torch.stack([log_mass(logits, one) for one in z])
        return scored(values, values - others(values), log_q).mean(0)


class NVIL(Component, ExpectationEstimator):
    """The score function less a learned baseline: a network of the logits, and a running mean.

    Args:
        variables, classes: of the categoricals.
        width: of the network's hidden layers.
        decay: of the running mean.

    Its network learns with the model, by the squared error of what it foretells.
    """

    centre: Tensor

    def __init__(self, variables: int, classes: int, width: int = 64, decay: float = 0.9):
        super().__init__()
        if not 0 <= decay < 1:
            raise ValueError(f"decay must be in [0, 1), not {decay!r}")
        self.variables, self.classes, self.decay = variables, classes, decay
        self.network = MLP(variables * classes, 1, width, 2)
        self.register_buffer("centre", torch.zeros(()))

    def check(self, variables: int, classes: int) -> None:
        """It was built for so many."""
        if (variables, classes) != (self.variables, self.classes):
            raise ValueError(
                f"this NVIL is for {self.variables} variables of {self.classes} classes, the model "
                f"has {variables} of {classes}: build NVIL({variables}, {classes})"
            )

    def expectation(self, f: Function, logits: Tensor, temperature: float | Tensor) -> Tensor:
        """f of a draw, (batch,)."""
        z = one_hot(logits)
        value = f(z)
        foretold = self.network(logits.detach().flatten(1))[:, 0]
        signal = value.detach() - self.centre.to(value.dtype) - foretold
        if self.training:
            self.centre.lerp_(value.detach().mean().to(self.centre.dtype), 1 - self.decay)
        error = -signal.square()  # the bound is maximised, the error minimised
        return scored(value, signal, log_mass(logits, z)) + (error - error.detach())


@record
@dataclass(frozen=True)
class VIMCO(Estimator):
    """The importance-weighted bound of `samples` draws, which are each other's baselines."""

    samples: int = 5

    def __post_init__(self) -> None:
        count("samples", self.samples, 2)

    def bound(
        self, log_x: Function, logits: Tensor, temperature: float | Tensor, beta: float
    ) -> Terms:
        """{"negative_bound": -log mean_k p(x|z_k) (p(z_k) / q(z_k))^beta, (batch,)}."""
        z = [one_hot(logits) for _ in range(self.samples)]
        log_q = torch.stack([log_mass(logits, one) for one in z])
        log_p = -logits.shape[-2] * math.log(logits.shape[-1])
        weights = torch.stack([log_x(one) for one in z]) + beta * (log_p - log_q)
        return {"negative_bound": -vimco(weights, log_q)}


def vimco(log_weights: Tensor, log_q: Tensor) -> Tensor:
    """log mean_k w_k, (batch,), of log-weights and log q(z_k), (samples, batch), by eqs. 10-12.

    Its gradient estimates that of the bound: what the weights say, and each draw's score times how
    much it raised the bound above what the geometric mean of the others would have given.
    """
    samples = len(log_weights)
    bound = log_weights.logsumexp(0) - math.log(samples)
    with torch.no_grad():
        guess = others(log_weights)
        own = torch.eye(samples, dtype=torch.bool, device=guess.device)[:, :, None]
        replaced = torch.where(own, guess[:, None], log_weights[None])
        signal = bound - (replaced.logsumexp(1) - math.log(samples))
    return bound + (signal * (log_q - log_q.detach())).sum(0)


@record
@dataclass(frozen=True)
class REBAR(ExpectationEstimator):
    """The score function less the relaxation, whose gradient by reparametrisation is added again.

    `eta` weighs the relaxation; f must take relaxed draws too.
    """

    eta: float = 1.0

    def expectation(self, f: Function, logits: Tensor, temperature: float | Tensor) -> Tensor:
        """f of a draw, (batch,)."""
        log_pi = logits.log_softmax(-1)
        free = log_pi + gumbel(logits)
        z = F.one_hot(free.argmax(-1), logits.shape[-1]).to(logits.dtype)
        own, bound = (f((a / temperature).softmax(-1)) for a in (free, given_draw(log_pi, z)))
        value = f(z)
        rest = self.eta * (own - bound)
        signal = value - self.eta * bound
        return scored(value, signal, log_mass(logits, z)) + rest - rest.detach()


def given_draw(log_pi: Tensor, z: Tensor) -> Tensor:
    """log pi + gumbel noise, of which the largest is where the one-hot `z` is, (..., classes).

    With exponentials e: -log e at the draw, and -log(e / pi + e at the draw) elsewhere.
    """
    e = torch.empty_like(log_pi).exponential_()
    top = (e * z).sum(-1, keepdim=True)
    return -torch.where(z > 0, top, e / log_pi.exp() + top).log()


@record
@dataclass(frozen=True)
class GumbelRao(ExpectationEstimator):
    """StraightThrough's gradient, averaged over `draws` of the noise that give the same one-hot."""

    draws: int = 10

    def __post_init__(self) -> None:
        count("draws", self.draws)

    def expectation(self, f: Function, logits: Tensor, temperature: float | Tensor) -> Tensor:
        """f of a one-hot draw, (batch,)."""
        z, log_pi = one_hot(logits), logits.log_softmax(-1)
        several = log_pi.expand(self.draws, *log_pi.shape)
        noise = (given_draw(several, z.expand_as(several)) - several).detach()
        soft = ((several + noise) / temperature).softmax(-1).mean(0)
        return f(z + (soft - soft.detach()))


@record
@dataclass(frozen=True)
class DisARM(ExpectationEstimator):
    """Two opposite draws of the same noise, for variables of two classes."""

    def check(self, variables: int, classes: int) -> None:
        """Bits alone have an opposite."""
        if classes != 2:
            raise ValueError(
                f"DisARM is for variables of 2 classes, not of {classes}: take REBAR() or "
                "Reinforce()"
            )

    def expectation(self, f: Function, logits: Tensor, temperature: float | Tensor) -> Tensor:
        """The mean of f over the two, (batch,)."""
        self.check(logits.shape[-2], logits.shape[-1])
        odds = logits[..., 1] - logits[..., 0]
        u = torch.rand_like(odds)
        one, two = (draw < odds.sigmoid() for draw in (1 - u, u))
        first, second = (f(F.one_hot(bit.long(), 2).to(odds.dtype)) for bit in (one, two))
        apart = torch.where(two, -1.0, 1.0) * (one != two) * odds.abs().sigmoid()
        slope = (0.5 * (first - second)[..., None] * apart).detach()
        return (first + second) / 2 + (slope * (odds - odds.detach())).sum(-1)


def one_gradient_each(
    estimator: ExpectationEstimator, f: Function, logits: Tensor, n: int, temperature: float = 1.0
) -> Tensor:
    """`n` gradients (n, variables, classes) of E f(z) at logits (variables, classes)."""
    if logits.dim() != 2:
        raise ValueError(f"logits must be (variables, classes), not {tuple(logits.shape)}")
    positive_number("temperature", temperature)
    own = logits.detach().expand(count("n", n), -1, -1).clone().requires_grad_()
    value = estimator.expectation(f, own, temperature).sum()
    return torch.autograd.grad(value, own)[0]


def enumerated_gradient(f: Function, logits: Tensor) -> Tensor:
    """d E f(z) / d logits, (variables, classes), by a sum over all classes ** variables values."""
    own = logits.detach().clone().requires_grad_()
    z = every_draw(*logits.shape).to(logits.dtype)
    expected = (log_mass(own, z).exp() * f(z).detach()).sum()
    return torch.autograd.grad(expected, own)[0]


def every_draw(variables: int, classes: int) -> Tensor:
    """All one-hot values, int64 (classes ** variables, variables, classes)."""
    axis = torch.arange(classes)
    return F.one_hot(torch.cartesian_prod(*[axis] * variables).view(-1, variables), classes)


system(
    "discrete-gradients",
    lecture=12,
    kind="objective",
    title="Gradients through discrete choices",
    paper="arXiv:1703.07370",
)
