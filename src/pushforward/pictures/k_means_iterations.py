"""k-means on two moons, from the start that EM is given."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from ..core.spaces import count
from ..models.latent.k_means import KMeans
from .gallery import picture
from .iterations import colours, heap, iterations, strip, two_moons

if TYPE_CHECKING:
    from .notebook import Sheet


@picture
def draw(clusters: int = 6, points: int = 240, seed: int = 0) -> Sheet:
    """k-means from the same start: every point has one colour, crosses are the centres."""
    torch.manual_seed(seed)
    x = two_moons(points)
    model = KMeans(2, count("clusters", clusters)).double()
    heap(model, x)
    figure, axes = strip()
    for axis, done, apart in iterations(model, x, axes, model.distortion):
        axis.scatter(x[:, 0], x[:, 1], c=colours(clusters)[model.assign(x)].numpy(), s=5)
        centres = model.means.detach()
        axis.scatter(centres[:, 0], centres[:, 1], marker="X", c="black", edgecolors="white", s=60)
        axis.set_title(f"{done} iterations: distortion {apart:.3f}", fontsize=9)
    return figure
