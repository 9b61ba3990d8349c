"""Presets of models that are told captions."""

from __future__ import annotations

from typing import Any

from ..core.catalogue import preset
from ..core.spaces import Tokens
from ..models.discrete.clip import CLIP
from ..models.discrete.dall_e import DALLE
from ..models.discrete.text_image_transformer import TextImageTransformer
from ..models.discrete.vq_vae import VQVAE
from ..probability.quantisation import VectorQuantiser
from ..training.experiment import Experiment
from ..training.recipe import Adam, Cosine, Recipe


@preset("dall-e")
def dalle_sprites(
    steps: int = 9_000,
    codes: int = 128,
    width: int = 128,
    layers: int = 4,
    size: int = 32,
    dropout: float = 0.1,
) -> Experiment:
    """DALL-E on sprites with captions, a tenth of whose combinations nobody has seen.

    pushforward train dalle_sprites
    pushforward sample CKPT --text "a large blue square in the middle" --n 16 --rerank 64

    Its codec is a VQ-VAE: of images at 16x16 the nearest sprite to a reconstruction had all factors
    of the image in 71 of 100 cases after 1,200 steps, where a dVAE of the same networks had 28; at
    32x32 after 2,200 steps in all of 200.

    Args:
        steps: of training: the codec has a quarter, and who ranks the last eighth.
        codes: of the codec, in a grid of a quarter of the images' size.
        width: features of the Transformer.
        layers: of the Transformer.
        size: of the images, a multiple of 4.
        dropout: of the Transformer.
    """
    from ..data import captioned_sprites

    data = captioned_sprites(size, levels=2)
    codec = VQVAE(data.space, VectorQuantiser(codes, 16), 32, blocks=1)
    text: Any = data.given
    prior = TextImageTransformer(Tokens(codec.grid, codes), text, width, layers, dropout=dropout)
    model = DALLE(codec, prior, 0.25, CLIP(data.space, text, 64, 32), 0.125)
    return Experiment(model, data, _recipe(steps, 0.995))


@preset("dall-e")
def dalle_digits(
    steps: int = 3_000, codes: int = 32, width: int = 64, layers: int = 4, dropout: float = 0.2
) -> Experiment:
    """DALL-E on the 8x8 digits with captions: "the digit seven", "a handwritten seven", ...

    pushforward train dalle_digits
    pushforward sample CKPT --text "the digit seven" --n 16 --rerank 64

    Args:
        steps: of training: the codec has a quarter, and who ranks the last eighth.
        codes: of the codec, in a grid of 4x4.
        width: features of the Transformer.
        layers: of the Transformer.
        dropout: of the Transformer.
    """
    from ..data import captioned

    data = captioned("digits", length=16)
    codec = VQVAE(data.space, VectorQuantiser(codes, 16), 32, halvings=1, blocks=1)
    text: Any = data.given
    prior = TextImageTransformer(Tokens(codec.grid, codes), text, width, layers, dropout=dropout)
    model = DALLE(codec, prior, 0.25, CLIP(data.space, text, 32, 32, 1), 0.125)
    return Experiment(model, data, _recipe(steps, 0.99))


@preset("dall-e")
def dalle_mnist(
    steps: int = 6_000, codes: int = 128, width: int = 96, layers: int = 4, dropout: float = 0.1
) -> Experiment:
    """DALL-E on MNIST with captions, with 7x7 codes: "the digit seven", "a handwritten seven", ...

    pushforward train dalle_mnist
    pushforward sample CKPT --text "the digit seven" --n 16 --rerank 64

    Args:
        steps: of training: the codec has a quarter, and who ranks the last eighth.
        codes: of the codec, in a grid of 7x7.
        width: features of the Transformer.
        layers: of the Transformer.
        dropout: of the Transformer.
    """
    from ..data import captioned

    data = captioned("mnist", length=16)
    codec = VQVAE(data.space, VectorQuantiser(codes, 16), 32, blocks=1)
    text: Any = data.given
    prior = TextImageTransformer(Tokens(codec.grid, codes), text, width, layers, dropout=dropout)
    model = DALLE(codec, prior, 0.25, CLIP(data.space, text, 64, 32), 0.125)
    return Experiment(model, data, _recipe(steps, 0.995))


def _recipe(steps: int, ema: float) -> Recipe:
    """Of all three stages: codec, prior and ranker."""
    return Recipe(steps, 64, Adam(2e-3), schedule=Cosine(warmup=100), ema=ema, clip=1.0)
