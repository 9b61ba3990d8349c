"""The contract: a generative model can be sampled, and knows what it minimises.

Learning is a game: stages, in each of which players take turns, every player moving only its own
parameters. Maximum likelihood is the game with one player. The ladder is `loss -> players ->
stages`: each rung's default is written with the rung below, and a model climbs only as far as it
needs.

What a user passes is checked here, once for all models: the x of `log_prob`, `elbo`, `loss` against
the model's space, the n of `sample`, what `complete` is given. Sampling never records gradients.
"""

from __future__ import annotations

import functools
import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from .blueprint import Component
from .dataset import Batch, unchanged
from .likelihood import EXACT, LOWER_BOUND, NONE, Kind
from .spaces import Space, count

Terms = dict[str, Tensor]
"""A loss is the SUM of its named terms, each (batch,) or ()."""


@dataclass(frozen=True)
class Player:
    """Someone who moves `module`: by gradient on `loss`, or by a closed-form `update`.

    `turns` moves are made in a step, each on a new batch. The t-th turns of all players share
    theirs. After every move `project` brings the module back to where it may be (clipped weights).
    """

    name: str
    module: nn.Module
    loss: Callable[..., Terms] | None = None
    update: Callable[..., Terms] | None = None
    turns: int = 1
    project: Callable[[], None] | None = None

    def __post_init__(self) -> None:
        if (self.loss is None) == (self.update is None):
            raise ValueError(f"player {self.name!r} needs either a loss or an update, and not both")
        count(f"turns of player {self.name!r}", self.turns)


@dataclass(frozen=True)
class Stage:
    """A period of training: who plays, on which view of the data, for what share of the steps."""

    name: str
    players: tuple[Player, ...]
    view: Callable[..., Batch] = unchanged
    share: float = 1.0


def _of_space(method: Callable) -> Callable:
    @functools.wraps(method)
    def checked(self: Generative, x: Tensor, *rest: Any, **options: Any) -> Any:
        return method(self, self.space.check(x), *rest, **options)

    return checked


def _of_number(method: Callable) -> Callable:
    @functools.wraps(method)
    def checked(self: Generative, n: int, *rest: Any, **options: Any) -> Any:
        with torch.no_grad():
            drawn = method(self, count("n", n), *rest, **options)
        # Whichever dimension a model has last in memory, its data can be viewed in another shape.
        return drawn.contiguous() if isinstance(drawn, Tensor) else drawn

    return checked


def _of_partial(method: Callable) -> Callable:
    @functools.wraps(method)
    def checked(self: Generative, x: Tensor, known: Tensor, *rest: Any, **options: Any) -> Any:
        x = self.space.check(x)
        try:
            spread = known.to(x.device).bool().expand_as(x)
        except (AttributeError, RuntimeError) as error:
            shape = tuple(getattr(known, "shape", ())) or type(known).__name__
            raise ValueError(
                f"known must be bool and broadcast to x's shape {tuple(x.shape)}, not {shape}"
            ) from error
        with torch.no_grad():
            return method(self, x, spread, *rest, **options).contiguous()

    return checked


class Generative(Component, ABC):
    """A model of data in `space`: it can be sampled, and it says who learns what.

    `progress` goes from 0 to 1 over each stage of training: a schedule that belongs to the model
    (a KL warm-up, a temperature) reads it. It is 1 where nobody trains.
    """

    likelihood: Kind = NONE
    progress: Tensor

    def __init__(self, space: Space):
        super().__init__()
        self.space = space
        self.register_buffer("progress", torch.ones(()))

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        checks: dict[str, Callable] = {
            "log_prob": _of_space,
            "elbo": _of_space,
            "log_weights": _of_space,
            "complete": _of_partial,
        }
        for name, check in {**checks, "loss": _of_space, "sample": _of_number}.items():
            if name in cls.__dict__ and not getattr(
                cls.__dict__[name], "__isabstractmethod__", False
            ):
                setattr(cls, name, check(cls.__dict__[name]))

    @abstractmethod
    def sample(self, n: int) -> Tensor:
        """`n` new data of `space`, contiguous, by torch's global generator, without gradients."""

    def loss(self, *batch: Tensor) -> Terms:
        """What is minimised, as named terms. A model with several players has none of its own."""
        raise NotImplementedError(f"{type(self).__name__} has no single loss: see its players()")

    def players(self) -> tuple[Player, ...]:
        """Who learns. By default one player, who moves everything by gradient on `loss`."""
        return (Player("model", self, self.loss),)

    def stages(self) -> tuple[Stage, ...]:
        """When. By default one stage with all players."""
        return (Stage("train", self.players()),)

    @property
    def device(self) -> torch.device:
        """Where the model lives."""
        return self.progress.device

    @property
    def dtype(self) -> torch.dtype:
        """The floating-point type that it computes in."""
        return self.progress.dtype


class Density(Generative):
    """A model whose likelihood is exact."""

    likelihood = EXACT

    @abstractmethod
    def log_prob(self, x: Tensor) -> Tensor:
        """log p(x) in nats, (batch,)."""

    def loss(self, *batch: Tensor) -> Terms:
        """Negative log-likelihood: {"nll": (batch,)} in nats."""
        return {"nll": -self.log_prob(*batch)}


class Bounded(Generative):
    """A model that knows a lower bound on its likelihood, never called `log_prob`."""

    likelihood = LOWER_BOUND

    @abstractmethod
    def elbo(self, x: Tensor, *conditions: Tensor, samples: int = 1) -> Tensor:
        """A lower bound on log p(x) in nats, (batch,): the mean of `samples` draws."""

    def loss(self, *batch: Tensor) -> Terms:
        """The negative bound: {"negative_elbo": (batch,)} in nats."""
        return {"negative_elbo": -self.elbo(*batch)}


class Weighted(Bounded):
    """A bound that comes from importance weights w = p(x, z) / q(z | x), so that it tightens with
    k.

    Importance Weighted Autoencoders (Burda et al., 2016), arXiv:1509.00519, eq. 8.
    """

    @abstractmethod
    def log_weights(self, x: Tensor, *conditions: Tensor, samples: int = 1) -> Tensor:
        """Log w_i for z_i ~ q(z | x), in nats, (samples, batch)."""

    def elbo(self, x: Tensor, *conditions: Tensor, samples: int = 1) -> Tensor:
        """The evidence lower bound, E log w, in nats, (batch,)."""
        return self.log_weights(x, *conditions, samples=count("samples", samples)).mean(0)

    def importance_weighted(self, x: Tensor, *conditions: Tensor, k: int) -> Tensor:
        """Log (1/k) sum_i w_i in nats, (batch,)."""
        log_weights = self.log_weights(x, *conditions, samples=count("k", k))
        return log_weights.logsumexp(0) - math.log(k)


class Latent(Generative):
    """A model with latent variables: encode(x) -> q(z|x), decode(z) -> p(x|z)."""

    @abstractmethod
    def encode(self, x: Tensor) -> Distribution:
        """q(z|x): its samples are (batch, *latent shape)."""

    @abstractmethod
    def decode(self, z: Tensor) -> Distribution:
        """p(x|z): its samples are data of `space`."""


class Completing(Generative):
    """A model that draws what is missing of data that are known in part (inpainting)."""

    @abstractmethod
    def complete(self, x: Tensor, known: Tensor, *conditions: Tensor) -> Tensor:
        """Data that agree with `x` where `known` (bool, broadcast to x's shape) is true.

        The method says what is conditioned on what, and raises ValueError where it cannot.
        """


class Pushforward(Generative):
    """A model that maps noise to data, so that one can walk between two points of noise."""

    @abstractmethod
    def latents(self, n: int) -> Tensor:
        """`n` draws from the prior over noise, (n, ...)."""

    @abstractmethod
    def push(self, z: Tensor) -> Tensor:
        """The data that `z` stands for, without further noise."""


class Scored(Generative):
    """A model that knows the gradient of its log-density at every noise level."""

    @abstractmethod
    def score(self, x: Tensor, t: Tensor) -> Tensor:
        """grad_x log p_t(x) for `x` in the model's own float scale, of `x`'s shape."""
