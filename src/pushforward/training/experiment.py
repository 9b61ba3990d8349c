"""An experiment: a model, the data that it learns, and the recipe. A preset returns one."""

from __future__ import annotations

from dataclasses import dataclass

from ..core.contract import Generative
from ..core.dataset import Dataset
from .recipe import Recipe


@dataclass(frozen=True)
class Experiment:
    """What `pushforward train` runs."""

    model: Generative
    data: Dataset
    recipe: Recipe
