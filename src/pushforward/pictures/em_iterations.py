"""EM for a mixture of Gaussians on two moons, from a bad start."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from ..core.spaces import count
from ..models.latent.gmm import GMM
from .gallery import picture
from .iterations import colours, heap, iterations, strip, two_moons

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .notebook import Sheet


@picture
def draw(components: int = 6, points: int = 240, seed: int = 0) -> Sheet:
    """A Gaussian mixture on two moons: responsibilities as colours, ellipses of one and two sigmas.

    It starts with equal balls in one heap, not by k-means++, so that EM has something to do.
    """
    torch.manual_seed(seed)
    x = two_moons(points)
    model = GMM(2, count("components", components)).double()
    heap(model, x)
    figure, axes = strip()
    for axis, done, nll in iterations(model, x, axes, lambda x: -model.log_prob(x)):
        shares = model.responsibilities(x).detach()
        axis.scatter(x[:, 0], x[:, 1], c=(shares @ colours(components)).clamp(0, 1).numpy(), s=5)
        _ellipses(axis, model)
        axis.set_title(f"{done} iterations: {nll:.3f} nats", fontsize=9)
    return figure


@torch.no_grad()
def _ellipses(axis: Axes, model: GMM) -> None:
    """One and two sigmas of every component, as dark as its weight."""
    angle = torch.linspace(0, 2 * torch.pi, 80, dtype=model.dtype)
    circle = torch.stack([angle.cos(), angle.sin()], -1).expand(len(model.means), -1, -1)
    weights = model.logits.softmax(0).tolist()
    for sigmas in (1, 2):
        lines = model.means[:, None] + sigmas * model.covariance.colour(model.scale, circle)
        for line, colour, weight in zip(lines, colours(len(lines)).tolist(), weights):
            axis.plot(*line.T, color=colour, linewidth=1.2, alpha=min(1.0, 0.3 + 2 * weight))
