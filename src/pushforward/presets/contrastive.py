"""Presets of models that learn by contrast what goes with what."""

from __future__ import annotations

from typing import Any

from ..core.catalogue import preset
from ..models.discrete.clip import CLIP
from ..training.experiment import Experiment
from ..training.recipe import Adam, Cosine, Recipe


@preset("clip")
def clip_sprites(
    steps: int = 600,
    size: int = 32,
    features: int = 64,
    width: int = 32,
    layers: int = 2,
    gallery: int = 512,
) -> Experiment:
    """CLIP on sprites with captions, a tenth of whose combinations nobody has seen.

    pushforward train clip_sprites
    pushforward sample CKPT --text "a large blue square in the middle" --n 16

    It is measured by retrieval: how often the caption most similar to an image, of those of 64 test
    images, says what the image shows, and how often an image is what a caption says. What it draws
    for a caption are images of its gallery.

    Args:
        steps: of training.
        size: of the images, a multiple of 4.
        features: length of the vectors that images and captions become.
        width: channels of the images' network, and features of the captions' Transformer.
        layers: of that Transformer.
        gallery: images that are kept, among which it draws.
    """
    from ..data import captioned_sprites

    data = captioned_sprites(size, levels=2)
    text: Any = data.given
    model = CLIP(data.space, text, features, width, layers, gallery=gallery)
    recipe = Recipe(steps, 128, Adam(2e-3), schedule=Cosine(warmup=100), ema=0.99, clip=1.0)
    return Experiment(model, data, recipe)
