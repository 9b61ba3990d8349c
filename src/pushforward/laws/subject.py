"""What laws are about: a model on trial, data of its space, and how both are looked at."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ..core.contract import Bounded, Density, Generative
from ..core.dataset import Batch, Dataset
from ..training.loop import Training
from ..training.recipe import Adam, Recipe

STEPS, BATCH = 150, 64


class NotApplicable(Exception):
    """This law says nothing about this model."""


@dataclass(frozen=True)
class Subject:
    """A model on trial: how to build it, and data of its space. It is trained once for all laws."""

    build: Callable[[], Generative]
    data: Dataset
    _kept: dict[str, Generative] = field(default_factory=dict, repr=False, compare=False)

    def model(self, seed: int = 0) -> Generative:
        """A new instance with weights from `seed`."""
        torch.manual_seed(seed)
        return self.build()

    def trained(self) -> Generative:
        """A copy of an instance after a short training.

        A game takes longer than a likelihood: its players first learn from each other.
        """
        if "trained" not in self._kept:
            model = self.model()
            steps = STEPS if isinstance(model, Density | Bounded) else 4 * STEPS
            training = Training(model, self.data, short_recipe(steps, ema=0.98))
            for _ in training:
                pass
            self._kept["trained"] = training.result
        return copy.deepcopy(self._kept["trained"])

    def batch(self, n: int = 16) -> Batch:
        """The first `n` training examples, as the model sees them."""
        torch.manual_seed(1)
        return self.told.train.at(slice(0, n))

    @property
    def told(self) -> Dataset:
        """The data as the model sees them."""
        return self.data.told(self.model().given)


def short_recipe(steps: int, ema: float | None = None) -> Recipe:
    """What all laws train by."""
    return Recipe(steps, BATCH, Adam(3e-3), ema=ema, clip=10.0, validate_every=0, report_every=5)


def draw_from(model: Generative, n: int, batch: Batch, seed: int = 0) -> Tensor:
    """Samples under a seed; a conditional model draws for the labels of the batch."""
    torch.manual_seed(seed)
    conditions = [c[torch.arange(n) % len(c)] for c in batch[1:]]
    return model.sample(n, *conditions)


def log_likelihood(model: Generative, batch: Batch, seed: int = 0) -> Tensor:
    """Log-likelihood or bound of a batch under a seed, (batch,) in nats."""
    torch.manual_seed(seed)
    with torch.no_grad():
        if isinstance(model, Density):
            return model.log_prob(*batch)
        if isinstance(model, Bounded):
            return model.elbo(*batch)
    raise NotApplicable("it has no likelihood")
