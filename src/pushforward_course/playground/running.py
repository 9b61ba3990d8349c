"""A training that is taken some steps at a time, and looked at in between."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from typing import Generic, TypeVar

import torch

import pushforward as pf
from pushforward.core.contract import Generative
from pushforward.core.dataset import Dataset
from pushforward.training.recipe import Recipe
from pushforward.training.reports import Report

Model = TypeVar("Model", bound=Generative)
LONG = 100_000  # steps: nobody plays on for so long


class Run(Generic[Model]):
    """`pf.Training`, whose loop is the reader's own: `go(10)` takes ten steps.

    Args:
        model: what learns.
        data: what it learns from.
        recipe: how; it makes a report after each step, and no validations.
    """

    def __init__(self, model: Model, data: Dataset, recipe: Recipe):
        told = replace(recipe, report_every=1, validate_every=0)
        self.model, self.data, self.training = model, data, pf.Training(model, data, told)
        self.steps = iter(self.training)
        self.history: list[Report] = []

    def go(self, steps: int) -> Run[Model]:
        """Takes so many steps, or those that are left of the recipe. Returns itself."""
        self.history += islice(self.steps, steps)
        return self

    def terms(self, name: str) -> list[float]:
        """A term of the loss after each step, by its name in reports, such as "model/rate"."""
        return [report.terms[name] for report in self.history]


def started(seed: int = 0) -> None:
    """What is built next begins with the same weights each time."""
    torch.manual_seed(seed)
