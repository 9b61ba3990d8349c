"""The contract: a generative model can be sampled, and knows what it minimises.

Learning is a game: stages, in each of which players take turns, every player moving only its own
parameters. Maximum likelihood is the game with one player. The ladder is `loss -> players ->
stages`: each rung's default is written with the rung below, and a model climbs only as far as it
needs.

What a user passes is checked here, once for all models: the x of `log_prob`, `elbo`, `loss` against
the model's space, what stands beside it against what the model is told (`given`), the n of
`sample`, what `complete` knows. Sampling never records gradients, and draws many data in parts.
"""

from __future__ import annotations

import inspect
import itertools
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from .blueprint import Component
from .checks import CHECKS, cut, warmed
from .dataset import Batch, unchanged
from .given import Given, check_given, spaces_of
from .likelihood import EXACT, LOWER_BOUND, NONE, Kind, estimate, importance_weighted
from .spaces import Space, count

Terms = dict[str, Tensor]
"""A loss is the SUM of its named terms, each (batch,) or ()."""


@dataclass(frozen=True)
class Player:
    """Someone who moves `module`: by gradient on `loss`, or by a closed-form `update`.

    `turns` moves are made in a step, each on a new batch. The t-th turns of all players share
    theirs. With `every` = k the player moves in each k-th step alone (a lazy regulariser). After
    every move `project` brings the module back to where it may be (clipped weights). Players of one
    module share an optimiser, whose moments weigh their losses against each other.
    """

    name: str
    module: nn.Module
    loss: Callable[..., Terms] | None = None
    update: Callable[..., Terms] | None = None
    turns: int = 1
    project: Callable[[], None] | None = None
    every: int = 1

    def __post_init__(self) -> None:
        if (self.loss is None) == (self.update is None):
            raise ValueError(f"player {self.name!r} needs either a loss or an update, and not both")
        count(f"turns of player {self.name!r}", self.turns)
        count(f"every of player {self.name!r}", self.every)


@dataclass(frozen=True)
class Stage:
    """A period of training: who plays, on which view of the data, for what share of the steps."""

    name: str
    players: tuple[Player, ...]
    view: Callable[..., Batch] = unchanged
    share: float = 1.0


NUMBERS = 2**20  # of data that `sample` draws at a time
STEPS = 25  # of an ODE's solver, where nobody says how many


def keep_apart(first: nn.Module, second: nn.Module) -> None:
    """Raises ValueError where the second stage's module owns a weight of the first stage's.

    The first is frozen while the second learns: shared weights would move it all the same.
    """
    frozen = {id(p): name for name, p in first.named_parameters()}
    shared = [frozen[id(p)] for p in second.parameters() if id(p) in frozen]
    if shared:
        raise ValueError(
            f"a {type(second).__name__} that learns after the {type(first).__name__} must not own "
            f"a part of it, and shares {shared[0]!r}: train them together, or give it a copy"
        )


class Generative(Component, ABC):
    """A model of data in `space`: it can be sampled, and it says who learns what.

    `given` is what it is told beside its data: None, a space such as `Labels(10)`, or a tuple of
    them, in the order in which conditions follow x in `log_prob(x, y)` and n in `sample(n, y)`.

    `progress` goes from 0 to 1 over each stage of training: a schedule that belongs to the model
    (a KL warm-up, a temperature) reads it. It is 1 where nobody trains.
    """

    likelihood: Kind = NONE
    progress: Tensor

    def __init__(self, space: Space, given: Given = None):
        super().__init__()
        spaces_of(given)
        self.space, self.given = space, given
        self.register_buffer("progress", torch.ones(()))

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        for name, check in CHECKS.items():
            method = cls.__dict__.get(name)
            if inspect.isfunction(method) and not getattr(method, "__isabstractmethod__", False):
                setattr(cls, name, check(method))

    @abstractmethod
    def sample(self, n: int, *conditions: Tensor) -> Tensor:
        """`n` new data of `space`, contiguous, by torch's global generator, without gradients.

        A model that is told something takes `n` conditions of each kind.
        """

    def draws(
        self, n: int, *conditions: Tensor, size: int | None = None, **options: Any
    ) -> Iterator[Tensor]:
        """`n` data as of `sample`, in parts of at most `size` as they are drawn.

        Memory does not grow with n. Where all that is random is drawn beforehand (`Pushforward`
        models that leave `sample` as it is), the data do not depend on `size`.
        """
        for m, part in self._parts(n, conditions, min(size or self.at_once, self.at_once)):
            yield self.sample(m, *part, **options)

    def _parts(
        self, n: int, conditions: tuple[Tensor | None, ...], size: int
    ) -> Iterator[tuple[int, tuple[Tensor, ...]]]:
        """How many data there are in each part of at most `size`, and their conditions."""
        told = self.told(count("n", n), *conditions)
        for start in range(0, n, count("size", size)):
            yield min(size, n - start), tuple(c[start : start + size] for c in told)

    @property
    def at_once(self) -> int:
        """How many data `sample` draws at a time."""
        return max(1, NUMBERS // self.space.dims)

    def told(self, n: int, *conditions: Tensor | None) -> tuple[Tensor, ...]:
        """The conditions of `n` data as `given` has them. Raises ValueError where they are not."""
        return check_given(self.given, conditions, n, type(self).__name__, self.device)

    def check_examples(self, n: int) -> None:
        """Raises ValueError where it cannot be trained on as few as `n` examples."""

    def loss(self, *batch: Tensor) -> Terms:
        """What is minimised, as named terms. A model with several players has none of its own."""
        raise NotImplementedError(f"{type(self).__name__} has no single loss: see its players()")

    def players(self) -> tuple[Player, ...]:
        """Who learns. By default one player, who moves everything by gradient on `loss`."""
        return (Player("model", self, self.loss),)

    def stages(self) -> tuple[Stage, ...]:
        """When. By default one stage with all players."""
        return (Stage("train", self.players()),)

    def diagnostics(self, x: Tensor, *conditions: Tensor) -> Terms:
        """What one watches beside the losses, of a batch of data, () each; by default nothing.

        The trainer asks for it at every report, in eval mode, with random numbers of its own.
        """
        return {}

    def alarm(self, diagnostics: Mapping[str, float]) -> str | None:
        """A sentence on what diagnostics say has gone wrong, and what helps; None for nothing."""
        return None

    @property
    def device(self) -> torch.device:
        """Where the model lives."""
        return self.progress.device

    @property
    def dtype(self) -> torch.dtype:
        """The floating-point type that it computes in: that of its first weight, if it has any.

        A model may be put together from parts that were turned to float64 before.
        """
        weights = (p.dtype for p in self.parameters() if p.is_floating_point())
        return next(weights, self.progress.dtype)


def weakened(kind: Kind, model: nn.Module) -> Kind:
    """`kind`, or an estimate of it where parts of `model` say that they are `estimates` by.

    What an ODE's solver gives is exact up to its steps, whatever it is a part of.
    """
    parts = (getattr(module, "estimates", ()) for module in model.modules())
    by = tuple(dict.fromkeys(itertools.chain.from_iterable(parts)))
    return estimate(*by, of=kind) if by else kind


class Density(Generative):
    """A model whose likelihood is exact, or would be if its ODE were solved exactly."""

    @property
    def likelihood(self) -> Kind:
        """Exact; an estimate where a part of the model is one."""
        return weakened(EXACT, self)

    @abstractmethod
    def log_prob(self, x: Tensor, *conditions: Tensor) -> Tensor:
        """log p(x) in nats, (batch,)."""

    def loss(self, *batch: Tensor) -> Terms:
        """Negative log-likelihood: {"nll": (batch,)} in nats."""
        return {"nll": -self.log_prob(*batch)}


class Bounded(Generative):
    """A model that knows a lower bound on its likelihood, never called `log_prob`."""

    @property
    def likelihood(self) -> Kind:
        """A lower bound; an estimate of one where a part of the model is an estimate."""
        return weakened(LOWER_BOUND, self)

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
        """Log (1/k) sum_i w_i in nats, (batch,): of the kind `weighted_likelihood(k)`."""
        log_weights = self.log_weights(x, *conditions, samples=count("k", k))
        return log_weights.logsumexp(0) - math.log(k)

    def weighted_likelihood(self, k: int) -> Kind:
        """The kind of the bound with `k` weights."""
        return weakened(importance_weighted(k), self)


class Estimated(Generative):
    """A model whose log p(x) can be estimated by an ODE, and is neither exact nor bounded."""

    @abstractmethod
    def estimated_log_prob(
        self,
        x: Tensor,
        *conditions: Tensor,
        steps: int = STEPS,
        probes: int | None = None,
        tolerance: float | None = None,
    ) -> Tensor:
        """log p(x) in nats, (batch,), by `steps` of a solver and Hutchinson's `probes`.

        0 probes take the exact divergence, a backward pass for every dimension; None takes that up
        to eight dimensions, and one probe above. Where a `tolerance` is given, relative and
        absolute, as many steps are taken as that needs, whatever `steps` says.
        """

    @abstractmethod
    def estimate_kind(
        self, steps: int = STEPS, probes: int | None = None, tolerance: float | None = None
    ) -> Kind:
        """What such an estimate is told to be."""

    @property
    def likelihood(self) -> Kind:
        """An estimate, with what it is one by where nothing is chosen."""
        return self.estimate_kind()


class Latent(Generative):
    """A model with latent variables: encode(x) -> q(z|x), decode(z) -> p(x|z)."""

    @abstractmethod
    def encode(self, x: Tensor, *conditions: Tensor) -> Distribution:
        """q(z|x): its samples are (batch, *latent shape)."""

    @abstractmethod
    def decode(self, z: Tensor, *conditions: Tensor) -> Distribution:
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
    def push(self, z: Tensor, *conditions: Tensor) -> Tensor:
        """The data that `z` stands for, without further noise."""

    def starting_noise(self, n: int, temperature: float = 1.0) -> Tensor:
        """The noise that `n` samples begin with: a temperature below 1 shrinks it to the mode."""
        return warmed(self.latents(n), temperature)

    def sample(self, n: int, *conditions: Tensor, **options: Any) -> Tensor:
        """`n` data; `options` are those of `starting_noise`, such as `temperature=0.7`."""
        return self.push(self.starting_noise(n, **options), *conditions)

    def draws(
        self, n: int, *conditions: Tensor, size: int | None = None, **options: Any
    ) -> Iterator[Tensor]:
        """The same `n` data as of `sample` in parts: whatever `size`, where only noise is drawn."""
        if type(self).sample is not Pushforward.sample:
            yield from super().draws(n, *conditions, size=size, **options)
            return
        for m, told in self._parts(n, conditions, self.at_once):
            with torch.no_grad():
                noise = self.starting_noise(m, **options)
            for z, part in zip(noise.split(size or m), cut(told, size or m)):
                with torch.no_grad():
                    pushed = self.push(z, *part)
                yield pushed


class Scored(Generative):
    """A model that knows the gradient of its log-density at every noise level."""

    @abstractmethod
    def score(self, x: Tensor, t: Tensor, *conditions: Tensor) -> Tensor:
        """grad_x log p_t(x) for `x` in the model's own float scale, of `x`'s shape."""
