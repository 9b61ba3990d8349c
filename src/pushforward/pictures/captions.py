"""Captions that nobody trained on, and what is drawn for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from ..core.spaces import Pixels, Tokens, count
from ..data.captions import Captions
from ..media.trained import opened
from .gallery import picture
from .shown import blank

if TYPE_CHECKING:
    from .notebook import Sheet

COLUMNS = 4  # captions beside each other


@picture
def draw(
    checkpoint: str = "zoo:dalle_sprites", captions: int = 12, images: int = 4, seed: int = 0
) -> Sheet:
    """Test captions with the pictures that a model draws for each, none picked out.

    Args:
        checkpoint: a .safetensors file of a model that is told captions.
        captions: how many, of the test split.
        images: drawn for each of them.
        seed: of which captions, and of the noise.
    """
    trained = opened(checkpoint)
    model: Any = trained.model
    if not isinstance(model.space, Pixels) or not isinstance(model.given, Tokens):
        raise ValueError(f"{checkpoint} draws no pictures for captions")
    told = Captions.recorded(trained.about)
    texts = trained.data().test.tensors[1]
    torch.manual_seed(seed)
    chosen = texts[torch.randperm(len(texts))[: count("captions", captions)]]
    drawn = model.sample(len(chosen) * images, chosen.repeat_interleave(count("images", images), 0))
    rows = -(-len(chosen) // COLUMNS)
    figure = blank(3.1 * COLUMNS, 1.0 * rows + 0.1)
    axes = figure.subplots(rows, COLUMNS, squeeze=False).ravel()
    for axis, said, some in zip(axes, told.decode(chosen), drawn.split(images)):
        axis.imshow(_strip(some, model.space), interpolation="nearest")
        axis.set_title(said, fontsize=7.5, wrap=True)
    for axis in axes:
        axis.set_axis_off()
    return figure


def _strip(images: torch.Tensor, space: Pixels) -> Any:
    """Images side by side with a gap, uint8 (height, width, channels)."""
    bright = (images.float() * (255 / (space.levels - 1))).round().to(torch.uint8)
    padded = torch.nn.functional.pad(bright, (1, 1, 1, 1), value=128)
    return torch.cat(list(padded), 2).permute(1, 2, 0).numpy()
