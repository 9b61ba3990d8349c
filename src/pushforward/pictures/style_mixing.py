"""Style mixing: each column's style in the fine layers of each row's image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ..core.spaces import count
from ..media.images import sheet
from ..media.trained import opened
from ..presets.adversarial_images import stylegan2_digits
from .gallery import learned, picture
from .shown import looking

if TYPE_CHECKING:
    from PIL.Image import Image


@picture
def draw(
    checkpoint: str | None = None, layer: int = 2, rows: int = 5, columns: int = 8, steps: int = 600
) -> Image:
    """Images of a StyleGAN: rows keep their coarse layers, columns bring the fine ones.

    Args:
        checkpoint: a .safetensors file; None trains a small StyleGAN2 of digits.
        layer: the first one whose style is the column's.
        rows: of the table, beside the row of what is mixed.
        columns: of the table, beside the column of what is mixed.
        steps: of training, where there is no checkpoint.
    """
    model = styled(checkpoint, steps)
    return sheet(mixing_table(model, layer, rows, columns), model.space, columns + 1)


def styled(checkpoint: str | None, steps: int) -> Any:
    """The model of a file, which must have styles, or of digits, trained here.

    Raises ValueError for a model without styles.
    """
    if checkpoint is None:
        return learned(stylegan2_digits(steps, width=16, ada=False))
    model = opened(checkpoint).model
    if not hasattr(model, "mixed"):
        raise ValueError(
            f"{type(model).__name__} has no styles to mix: a StyleGAN or StyleGAN2 is needed"
        )
    return model


def mixing_table(
    model: Any, layer: int, rows: int = 5, columns: int = 8, psi: float = 0.9, seed: int = 0
) -> Tensor:
    """Images ((rows + 1) (columns + 1), ...) in reading order: the corner is empty.

    The first row is what fine layers are taken from, the first column what coarse ones are.

    Args:
        model: with styles, such as `StyleGAN2`.
        layer: the first one whose style is the column's.
        rows, columns: how many of each.
        psi: truncation, in (0, 1].
        seed: of the noise.

    Raises ValueError for a layer that is not there, or a truncation that is none.
    """
    with looking(model, seed):
        n, m = count("rows", rows), count("columns", columns)
        coarse, fine = (model.truncated(model.styles(model.latents(k)), psi) for k in (n, m))
        top, side = model.drawn(fine), model.drawn(coarse)
        pairs = coarse.repeat_interleave(m, 0), fine.repeat(n, 1)
        mixed = model.drawn(model.mixed(*pairs, layer)).unflatten(0, (n, m))
        first = torch.cat([torch.zeros_like(top[:1]), top])
        table = torch.cat([side[:, None], mixed], 1)
        return torch.cat([first[None], table]).flatten(0, 1).cpu()
