"""Presets of models that are told captions."""

from __future__ import annotations

from typing import Any

from ..core.catalogue import preset
from ..core.spaces import Tokens
from ..models.discrete.clip import CLIP
from ..models.discrete.dall_e import DALLE
from ..models.discrete.dvae import DVAE
from ..models.discrete.text_image_transformer import TextImageTransformer
from ..probability.gumbel import Temperature
from ..training.experiment import Experiment
from ..training.recipe import Adam, Cosine, Recipe


@preset("dall-e")
def dalle_sprites(
    steps: int = 9_000,
    codes: int = 64,
    width: int = 96,
    layers: int = 4,
    size: int = 32,
) -> Experiment:
    """DALL-E on sprites with captions, a tenth of whose combinations nobody has seen.

    pushforward train dalle_sprites
    pushforward sample CKPT --text "a large blue square in the middle" --n 16 --rerank 64

    Args:
        steps: of training: the codec has a third, and who ranks the last tenth.
        codes: of the codec, in a cell of 8x8 (of images of 32x32).
        width: features of the Transformer.
        layers: of the Transformer.
        size: of the images, a multiple of 4.
    """
    from ..data import captioned_sprites

    data = captioned_sprites(size)
    codec = DVAE(data.space, codes, 32, blocks=1, temperature=Temperature(1.0, 1 / 8))
    text: Any = data.given
    prior = TextImageTransformer(Tokens(codec.grid, codes), text, width, layers)
    model = DALLE(codec, prior, 0.3, CLIP(data.space, text, 64, 32), 0.1)
    recipe = Recipe(steps, 64, Adam(2e-3), schedule=Cosine(warmup=100), ema=0.995, clip=1.0)
    return Experiment(model, data, recipe)
