"""Pushforward: deep generative modelling, all of it, in one library.

    >>> import pushforward as pf
    >>> data = pf.data.moons()
    >>> model = pf.fit(pf.GMM(2, components=8), data, pf.Recipe(20, batch_size=None), quiet=True)
    >>> model.sample(3).shape
    torch.Size([3, 2])

Every model can be had from here by its class name, and so can the functions of the rooms.
"""

from __future__ import annotations

from typing import Any

from . import data, metrics
from .core.blueprint import Component
from .core.catalogue import example, preset, system
from .core.checkpoint import CheckpointError, load, save
from .core.contract import (
    Bounded,
    Density,
    Estimated,
    Generative,
    Latent,
    Player,
    Pushforward,
    Scored,
    Stage,
    Terms,
    Weighted,
)
from .core.dataset import Dataset, Split
from .core.given import Given
from .core.likelihood import Kind, Likelihood
from .core.names import public as _public
from .core.names import public_names as _public_names
from .core.spaces import Labels, Pixels, Reals, Space, Tokens
from .training.experiment import Experiment
from .training.fit import Interrupted, fit
from .training.loop import Training
from .training.recipe import SGD, Adam, Constant, Cosine, Decay, Recipe, RMSprop
from .training.reports import Diverged, Report

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """A room, or a model, network, distribution or function by its name; it is imported then."""
    return _public(name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_public_names()})
