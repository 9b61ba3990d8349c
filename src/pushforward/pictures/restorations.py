"""What a diffusion makes of images that are known in part: holes, coarse pixels, no colour."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..core.spaces import Pixels, count
from ..media.trained import opened
from ..models.score.diffusion import Denoising
from ..models.score.restoration import BlockMeans, grey, restored
from ..solvers.samplers import Ancestral
from .denoising_strip import denoising
from .gallery import picture
from .shown import blank, looking

if TYPE_CHECKING:
    from .notebook import Sheet

Row = tuple[str, Tensor]


@picture
def draw(
    checkpoint: str = "zoo:ddpm_mnist",
    images: int = 8,
    steps: int = 100,
    repeats: int = 10,
    block: int = 4,
    seed: int = 0,
) -> Sheet:
    """Test images, what is seen of them, and what a diffusion draws that agrees with it.

    The lower half is drawn anew by replacement and by RePaint, side by side; means of blocks are
    refined, and images of colour are coloured, by posterior sampling.

    Args:
        checkpoint: a .safetensors file of a diffusion of images, or zoo:NAME.
        images: how many.
        steps: of the sampler.
        repeats: rounds of RePaint at each level.
        block: side of the blocks of which only the mean is seen.
        seed: of the noise.
    """
    trained = opened(checkpoint)
    model = denoising(trained.model)
    if not isinstance(model.space, Pixels):
        raise ValueError(f"images are restored here, not {model.space}")
    batch = trained.data().test.first(count("images", images)).at(slice(None))
    x, told = batch[0], batch[1:] if model.given is not None else ()
    return sheet_of(rows(model, x, told, steps, repeats, block, seed), model.space)


def rows(
    model: Denoising,
    x: Tensor,
    told: tuple[Tensor, ...] = (),
    steps: int = 100,
    repeats: int = 10,
    block: int = 4,
    seed: int = 0,
) -> list[Row]:
    """Named rows of images of the model's space."""
    own = model.diffusion
    kept, own.sampler = own.sampler, Ancestral(count("steps", steps))
    try:
        with looking(model, seed):
            return _rows(model, x.to(model.device), told, repeats, block)
    finally:
        own.sampler = kept


def _rows(
    model: Denoising, x: Tensor, told: tuple[Tensor, ...], repeats: int, block: int
) -> list[Row]:
    known = torch.zeros(x.shape[1:], dtype=torch.bool, device=x.device)
    known[:, : x.shape[2] // 2] = True
    found: list[Row] = [("data", x), ("upper half", torch.where(known, x, 0))]
    for name, rounds in (("replacement", 1), (f"RePaint, {repeats} rounds", repeats)):
        found.append((name, model.complete(x, known, *told, repeats=rounds)))
    space = model.space
    assert isinstance(space, Pixels)
    if space.height % block == 0 and space.width % block == 0:
        found += _measured(
            model, x, told, BlockMeans(block), (f"means of {block}x{block}", "refined")
        )
    if space.channels > 1:
        found += _measured(model, x, told, grey, ("grey", "coloured"))
    return found


def _measured(
    model: Denoising,
    x: Tensor,
    told: tuple[Tensor, ...],
    operator: Callable[[Tensor], Tensor],
    names: tuple[str, str],
) -> list[Row]:
    """What the operator leaves of the images, as large as they were, and what is drawn from it."""
    own = model.diffusion
    y = operator(own.to_float(x))
    wide = y.expand(-1, x.shape[1], -1, -1)
    large = torch.nn.functional.interpolate(wide, x.shape[2:])
    drawn = restored(model, y, operator, *told, noise=0.05, data_std=0.5)
    return [(names[0], own.to_data(large)), (names[1], drawn)]


def sheet_of(named: list[Row], space: Pixels) -> Sheet:
    """The rows below each other, with their names at the left."""
    from ..media.images import sheet

    n = len(named[0][1])
    figure = blank(0.68 * n + 1.35, 0.75 * len(named) * space.height / space.width)
    axes = figure.subplots(len(named), 1, squeeze=False)[:, 0]
    for axis, (name, images) in zip(axes, named):
        axis.imshow(sheet(images, space, n), interpolation="nearest")
        axis.set(xticks=[], yticks=[])
        axis.set_ylabel(name, rotation=0, ha="right", va="center", fontsize=8)
        axis.set_anchor("E")
        axis.spines[:].set_visible(False)
    return figure
