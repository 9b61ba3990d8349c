"""A walk through noise as a film: many images change at once, and come back to where they began."""

from __future__ import annotations

import torch
from torch import Tensor

from ..core.contract import Pushforward
from ..core.given import spaces_of
from ..core.spaces import Labels, Pixels, count
from ..media.trained import opened
from ..metrics.path_length import path_for
from ..presets.adversarial_images import dcgan_digits
from .films import film
from .gallery import learned, picture
from .shown import Film, looking, noise


@picture
def draw(checkpoint: str | None = None, images: int = 24, stops: int = 4, steps: int = 12) -> Film:
    """What a generator draws on closed walks through its noise, each in an image of its own.

    Args:
        checkpoint: a .safetensors file; None trains a DCGAN of digits.
        images: how many walk at once.
        stops: points of noise that a walk goes through.
        steps: frames from one to the next.
    """
    model = learned(dcgan_digits()) if checkpoint is None else opened(checkpoint).model
    return interpolation(model, images, stops, steps)


def interpolation(
    model: Pushforward,
    images: int = 24,
    stops: int = 4,
    steps: int = 12,
    seed: int = 0,
    told: tuple[Tensor, ...] | None = None,
) -> Film:
    """A film of closed walks between draws of noise, along arcs where the noise is normal.

    Args:
        model: with latents, of images.
        images: how many walk at once.
        stops: points of noise that a walk goes through.
        steps: frames from one to the next.
        seed: of the noise.
        told: what the model is told with each, (images, ...); labels are told in turn where None.

    Raises ValueError for a model without latents, or of other data.
    """
    if not isinstance(model, Pushforward) or not isinstance(model.space, Pixels):
        raise ValueError(f"{type(model).__name__} has no latents of images to walk between")
    told = model.told(count("images", images), *(in_turn(model, images) if told is None else told))
    with looking(model, seed):
        points = [noise(model, images, *told) for _ in range(count("stops", stops, 2))]
        way = path_for(torch.cat(points).flatten(1))
        frames = []
        for a, b in zip(points, [*points[1:], points[0]]):
            for t in torch.linspace(0, 1, count("steps", steps) + 1)[:-1].tolist():
                z = way(a.flatten(1), b.flatten(1), t).view_as(a)
                frames.append(model.push(z, *told))
    return film(frames, model.space)


def in_turn(model: Pushforward, n: int) -> tuple[Tensor, ...]:
    """The labels 0, 1, ... of each kind that a model is told, again and again, (n,) each."""
    kinds = (space for space in spaces_of(model.given) if isinstance(space, Labels))
    return tuple(torch.arange(n, device=model.device) % kind.classes for kind in kinds)
