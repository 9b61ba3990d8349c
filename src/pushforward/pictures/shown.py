"""What pictures are: figures without pyplot and its global state, images, and films."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Union

import numpy as np
import torch
from torch import Tensor, nn

from ..core.contract import Generative, Pushforward
from ..core.given import heard
from ..media.images import content, png
from ..media.medium import attribute, embedded

if TYPE_CHECKING:
    from PIL.Image import Image

    from .notebook import Sheet


@dataclass(frozen=True)
class Film:
    """Images of one size that a notebook shows one after the other, over and over."""

    frames: tuple[Image, ...]
    milliseconds: int = 120

    def gif(self) -> bytes:
        """The content of its GIF file."""
        buffer, (start, *others) = io.BytesIO(), map(_few_colours, self.frames)
        start.save(
            buffer, "GIF", save_all=True, append_images=others, duration=self.milliseconds, loop=0
        )
        return buffer.getvalue()

    def save(self, path: str | Path) -> Path:
        """Writes the GIF; returns the path."""
        Path(path).write_bytes(self.gif())
        return Path(path)

    def _repr_html_(self) -> str:
        said = attribute(f"a film of {len(self.frames)} images")
        return f'<img alt="{said}" src="{embedded(self.gif(), "image/gif")}">'


def _few_colours(frame: Image) -> Image:
    """As GIF holds it: every grey as it is, of colours the 256 that fit best."""
    red, green, blue = (np.asarray(part) for part in frame.split())
    grey = (red == green).all() and (green == blue).all()
    return frame.convert("L") if grey else frame.quantize(256)


Drawing = Union["Sheet", "Image", Film]
Told = int | Tensor | tuple[int | Tensor, ...]
"""What a model is told of one datum: a label, a vector without a batch, or several in order."""


def blank(width: float, height: float) -> Sheet:
    """An empty figure, so many inches large."""
    from .notebook import Sheet

    return Sheet(figsize=(width, height), layout="constrained")


def encoded(drawing: Drawing, suffix: str = ".png") -> bytes:
    """A picture as the content of a file with that ending, a film as GIF."""
    if isinstance(drawing, Film):
        return drawing.gif()
    whole = drawing.png() if hasattr(drawing, "png") else png(drawing)
    return whole if suffix.lower() == ".png" else _as(whole, suffix)


def _as(whole: bytes, suffix: str) -> bytes:
    """A PNG file as one of another kind, on white."""
    from PIL import Image

    with Image.open(io.BytesIO(whole), "r", ["PNG"]) as image:
        seen = image.convert("RGBA")
    paper = Image.new("RGBA", seen.size, "white")
    return content(Image.alpha_composite(paper, seen).convert("RGB"), Path(f"a{suffix}"))


def told_alike(model: Generative, given: Told, n: int) -> tuple[Tensor, ...]:
    """The conditions of `n` data that are all told the same, each (n, ...).

    Raises ValueError where that is not what the model is told.
    """
    parts = given if isinstance(given, tuple) else (given,)
    told = (torch.as_tensor(part, device=model.device) for part in parts)
    return model.told(n, *(part.expand(n, *part.shape) for part in told))


def noise(model: Pushforward, n: int, *conditions: Tensor) -> Tensor:
    """`n` latents; a prior that is told something hears the conditions."""
    told = heard(getattr(model, "prior", None), conditions)
    return model.latents(n, *told)


@contextmanager
def looking(model: nn.Module, seed: int = 0) -> Iterator[None]:
    """Within it the model is in eval mode, records no gradients, and draws under a seed of its own.

    Afterwards its modes, and the caller's random state, are as they were.
    """
    before = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with torch.random.fork_rng(), torch.no_grad():
            torch.manual_seed(seed)
            yield
    finally:
        for module, mode in before:
            module.training = mode
