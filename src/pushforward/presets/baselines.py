"""Baselines: what a model must beat to have learned anything."""

from __future__ import annotations

from ..core.catalogue import preset
from ..models.autoregressive.independent import Independent
from ..training.experiment import Experiment
from ..training.recipe import Recipe


@preset()
def independent_digits() -> Experiment:
    """Independent pixels on 8x8 digits with 17 levels: one count of the training split.

    pushforward train independent_digits
    """
    from ..data import digits

    data = digits()
    return Experiment(Independent(data.space), data, Recipe(1, None))
