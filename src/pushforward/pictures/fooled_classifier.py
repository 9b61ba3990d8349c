"""The opening picture: digits that a little noise turns into others, and what p(x) says of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ..core.dataset import Dataset
from ..models.classification.discriminative_classifier import DiscriminativeClassifier
from ..models.classification.generative_classifier import GenerativeClassifier
from ..models.classification.perturbations import gradient_sign
from ..presets.classification import discriminative_digits, generative_digits
from .gallery import learned, picture
from .shown import blank

if TYPE_CHECKING:
    from .notebook import Sheet


@picture
def draw(levels: int = 2, columns: int = 6) -> Sheet:
    """Digits that a little noise turns into others for p(y | x), and what p(x) says of them.

    Args:
        levels: of 16, by which every pixel is moved.
        columns: how many images.
    """
    asked = generative_digits()
    return fooled_images(
        learned(asked), learned(discriminative_digits()), asked.data, levels, columns
    )


@torch.no_grad()
def fooled_images(
    generative: GenerativeClassifier,
    discriminative: DiscriminativeClassifier,
    data: Dataset,
    levels: int = 2,
    columns: int = 6,
) -> Sheet:
    """Test images that the gradient's sign fools the discriminative classifier with: as they were
    above, moved below, each with both answers and log p(x).
    """
    x, y = data.test.at(slice(None), generative.device)
    moved = gradient_sign(discriminative, x, y, levels)
    right, wrong = (discriminative.classify(images).argmax(1) for images in (x, moved))
    chosen = ((right == y) & (wrong != y)).nonzero()[:columns, 0]
    figure = blank(1.9 * columns, 5)
    axes = figure.subplots(2, columns, squeeze=False)
    for row, images in zip(axes, (x, moved)):
        for axis, i in zip(row, chosen):
            _show(axis, images[i : i + 1], generative, discriminative, data)
    for axis in axes.flat:
        axis.set_axis_off()
    return figure


def _show(
    axis: Any,
    image: Tensor,
    generative: GenerativeClassifier,
    discriminative: DiscriminativeClassifier,
    data: Dataset,
) -> None:
    answer = discriminative.classify(image)[0].exp()
    name, other = (
        data.classes[int(p[0].argmax())]
        for p in (discriminative.classify(image), generative.classify(image))
    )
    axis.imshow(
        image[0].permute(1, 2, 0).cpu().numpy(),
        cmap="gray_r",
        vmin=0,
        vmax=int(data.test.tensors[0].max()),
    )
    surprise = generative.log_prob(image).item()
    axis.set_title(
        f"p(y|x): {name} ({answer.max():.0%})\nBayes: {other}\nlog p(x) = {surprise:.0f}",
        fontsize=9,
    )
