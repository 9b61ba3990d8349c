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

__version__ = "0.1.0"

_OWN = {
    "core.blueprint": ("Component",),
    "core.catalogue": ("example", "preset", "system"),
    "core.checkpoint": ("CheckpointError", "load", "save"),
    "core.contract": (
        *("Bounded", "Density", "Estimated", "Generative", "Latent", "Player"),
        *("Pushforward", "Scored", "Stage", "Terms", "Weighted"),
    ),
    "core.dataset": ("Dataset", "Split"),
    "core.given": ("Given",),
    "core.likelihood": ("Kind", "Likelihood"),
    "core.spaces": ("Labels", "Pixels", "Reals", "Space", "Tokens"),
    "media.zoo": ("pretrained",),
    "training.experiment": ("Experiment",),
    "training.fit": ("Interrupted", "fit"),
    "training.loop": ("Training",),
    "training.recipe": (
        *("SGD", "Adam", "Constant", "Cosine", "Decay", "PowerAverages", "Recipe", "RMSprop"),
    ),
    "training.snapshots": ("averaged",),
    "training.reports": ("Diverged", "Report"),
}
"""Names by where they come from; they are imported when they are asked for, torch with them."""


def __getattr__(name: str) -> Any:
    """A room, or a model, network, distribution or function by its name; it is imported then."""
    from importlib import import_module

    for module, names in _OWN.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{module}"), name)
    return import_module(f"{__name__}.core.names").public(name)


def __dir__() -> list[str]:
    from importlib import import_module

    own = {name for names in _OWN.values() for name in names}
    return sorted({*globals(), *own, *import_module(f"{__name__}.core.names").public_names()})
