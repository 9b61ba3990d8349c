"""Pictures of expectation maximisation at work: every panel is one iteration further."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..core.spaces import count
from ..data.plane import moons
from ..models.latent.gmm import GMM
from ..models.latent.k_means import KMeans
from .gallery import picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SHOWN = (0, 1, 2, 5, 10, 40)


@picture("em-iterations")
def em_iterations(components: int = 6, points: int = 240, seed: int = 0) -> Figure:
    """A Gaussian mixture on two moons: responsibilities as colours, ellipses of one and two sigmas.

    It starts with equal balls in one heap, not by k-means++, so that EM has something to do.
    """
    torch.manual_seed(seed)
    x = _points(points)
    model = GMM(2, count("components", components)).double()
    _heap(model, x)
    figure, axes = _strip()
    for axis, done, nll in _iterations(model, x, axes, lambda x: -model.log_prob(x)):
        shares = model.responsibilities(x).detach()
        axis.scatter(x[:, 0], x[:, 1], c=(shares @ _colours(components)).clamp(0, 1).numpy(), s=5)
        _ellipses(axis, model)
        axis.set_title(f"{done} iterations: {nll:.3f} nats", fontsize=9)
    return figure


@picture("k-means-iterations")
def k_means_iterations(clusters: int = 6, points: int = 240, seed: int = 0) -> Figure:
    """k-means from the same start: every point has one colour, crosses are the centres."""
    torch.manual_seed(seed)
    x = _points(points)
    model = KMeans(2, count("clusters", clusters)).double()
    _heap(model, x)
    figure, axes = _strip()
    for axis, done, apart in _iterations(model, x, axes, model.distortion):
        axis.scatter(x[:, 0], x[:, 1], c=_colours(clusters)[model.assign(x)].numpy(), s=5)
        centres = model.means.detach()
        axis.scatter(centres[:, 0], centres[:, 1], marker="X", c="black", edgecolors="white", s=60)
        axis.set_title(f"{done} iterations: distortion {apart:.3f}", fontsize=9)
    return figure


def _points(n: int) -> Tensor:
    return moons().train.first(count("points", n)).tensors[0].double()


@torch.no_grad()
def _heap(model: GMM, x: Tensor) -> None:
    """Every mean near one corner of the data, every ball a third as wide as they are."""
    low, high = x.quantile(0.1, 0), x.quantile(0.5, 0)
    model.means.copy_(low + (high - low) * torch.rand(model.means.shape, dtype=x.dtype))
    spread = (x.std() / 3).log()
    if model.scale.dim() == 3:
        model.scale.copy_(spread * torch.eye(2, dtype=x.dtype).expand_as(model.scale))
    else:
        model.scale.fill_(spread)
    model.started.fill_(True)


def _iterations(
    model: GMM, x: Tensor, axes: Sequence[Axes], score: Callable[[Tensor], Tensor]
) -> Iterator[tuple[Axes, int, float]]:
    """An axis for each of SHOWN, with the model after so many iterations and its mean score."""
    done = 0
    for axis, wanted in zip(axes, SHOWN):
        while done < wanted:
            model.update(x)
            done += 1
        with torch.no_grad():
            yield axis, done, score(x).mean().item()


def _colours(n: int) -> Tensor:
    """`n` colours, (n, 3)."""
    from matplotlib import colormaps

    return torch.tensor([colormaps["tab10"](i % 10)[:3] for i in range(n)], dtype=torch.float64)


@torch.no_grad()
def _ellipses(axis: Axes, model: GMM) -> None:
    """One and two sigmas of every component, as dark as its weight."""
    angle = torch.linspace(0, 2 * torch.pi, 80, dtype=model.dtype)
    circle = torch.stack([angle.cos(), angle.sin()], -1).expand(len(model.means), -1, -1)
    colours, weights = _colours(len(model.means)).tolist(), model.logits.softmax(0)
    for sigmas in (1, 2):
        lines = model.means[:, None] + sigmas * model.covariance.colour(model.scale, circle)
        for line, colour, weight in zip(lines, colours, weights.tolist()):
            axis.plot(*line.T, color=colour, linewidth=1.2, alpha=min(1.0, 0.3 + 2 * weight))


def _strip() -> tuple[Figure, Sequence[Axes]]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 3.3), layout="constrained")
    axes = list(figure.subplots(2, len(SHOWN) // 2, sharex=True, sharey=True).flat)
    for axis in axes:
        axis.set(xticks=[], yticks=[], aspect="equal")
    return figure, axes
