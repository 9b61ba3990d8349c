"""The gallery: pictures that explain, one a file, each drawn by `pushforward draw NAME`."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import torch

from ..core.catalogue import nearest
from ..core.outputs import check_free, ending
from ..media.images import WRITTEN
from ..training.experiment import Experiment
from ..training.loop import Training
from .shown import Drawing, Film, encoded

Function = TypeVar("Function", bound=Callable[..., Drawing])
_drawings: dict[str, Callable[..., Drawing]] = {}


def picture(draw: Function) -> Function:
    """Decorator: registers a function of keyword knobs that returns a figure, an image or a film.

    The picture is called like its file: pictures/kl_directions.py draws "kl-directions". Raises
    ValueError when the file has drawn another.
    """
    name = draw.__module__.rpartition(".")[2].replace("_", "-")
    if _drawings.setdefault(name, draw) is not draw:
        raise ValueError(f"{draw.__module__} draws {name!r} already: one picture a file")
    return draw


def drawings() -> dict[str, Callable[..., Drawing]]:
    """All functions that draw a picture, by name."""
    package = importlib.import_module(__package__)
    for module in pkgutil.iter_modules(package.__path__):
        if module.name != "notebook":  # which would import matplotlib
            importlib.import_module(f"{__package__}.{module.name}")
    return dict(sorted(_drawings.items()))


def drawing_called(name: str) -> Callable[..., Drawing]:
    """The function that draws `name`. Raises Usage, naming the nearest."""
    known = drawings()
    if name not in known:
        raise nearest(name, list(known), "picture")
    return known[name]


def draw(name: str, **knobs: Any) -> Drawing:
    """The picture `name` of `drawings()`, as `pushforward draw NAME` draws it.

    Raises ValueError, naming the nearest, where there is none.
    """
    return drawing_called(name)(**knobs)


def learned(experiment: Experiment, seed: int = 0) -> Any:
    """The model of an experiment, trained here and now and in eval mode."""
    torch.manual_seed(seed)
    training = Training(experiment.model, experiment.data, experiment.recipe)
    for _ in training:
        pass
    return training.result.eval()


def likely(out: Path) -> list[Path]:
    """Where a picture for `out` may go, before it is known whether it is a film.

    Raises Usage for an ending in which no picture can be written.
    """
    if ending(out, WRITTEN, "a picture"):
        return [out]
    return [out.with_name(out.name + suffix) for suffix in (".png", ".gif")]


def hang(drawing: Drawing, out: str | Path, force: bool = True) -> Path:
    """Writes a picture at `out` as its ending says; without one, as PNG, and a film as GIF.

    Raises Usage for an ending in which it cannot be written, or a file that is there already and
    may not be replaced.
    """
    path, known = Path(out), (".gif",) if isinstance(drawing, Film) else tuple(WRITTEN)
    if not ending(path, known, "a film" if isinstance(drawing, Film) else "a picture"):
        path = path.with_name(path.name + known[0])
    check_free([path], [], force)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encoded(drawing, path.suffix))
    return path
