"""Small changes of images that ought not to change their class.

    noise            x + levels * s,                       s in {-1, 1}, drawn
    gradient sign    x + levels * sign(grad_x -log p(y | x))
    worst of many    the noise, of so many draws, under which p(y | x) is least

The first two move every pixel equally far: a step in the worst direction is no larger than one in a
random direction, it only knows where to go. The third needs no gradient: it asks the same of every
classifier. Images stay integers of their space; what would leave 0 .. levels - 1 is clipped.

Goodfellow, Shlens, Szegedy (2015), arXiv:1412.6572, section 4.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ...core.catalogue import system
from ...core.spaces import Pixels, count
from .discriminative_classifier import DiscriminativeClassifier

system(
    "fooled-classifier",
    lecture=1,
    kind="metric",
    title="A classifier before and after small noise",
    paper="arXiv:1412.6572",
)

Classify = Callable[[Tensor], Tensor]


def moved(x: Tensor, direction: Tensor, levels: int, space: Pixels) -> Tensor:
    """x + levels * direction, clipped: uint8 of x's shape, for directions -1, 0 and 1."""
    step = count("levels", levels, least=0) * direction.to(torch.int64)
    return (x.to(torch.int64) + step).clamp(0, space.levels - 1).to(torch.uint8)


def noise(x: Tensor, levels: int, space: Pixels) -> Tensor:
    """Every pixel moved by `levels` up or down, at random."""
    signs = torch.randint(2, x.shape, device=x.device) * 2 - 1
    return moved(space.check(x), signs, levels, space)


def gradient_sign(
    classifier: DiscriminativeClassifier, x: Tensor, y: Tensor, levels: int
) -> Tensor:
    """Every pixel moved by `levels` where -log p(y | x) grows, to first order."""
    if not isinstance(classifier.given, Pixels):
        raise ValueError(f"only images can be moved by levels, not data of {classifier.given}")
    floats = classifier.floats(x).detach().requires_grad_()
    with torch.enable_grad():
        loss = -classifier.classify_floats(floats).gather(1, y[:, None]).sum()
    (slope,) = torch.autograd.grad(loss, floats)
    return moved(x, slope.sign(), levels, classifier.given)


@torch.no_grad()
def worst_of(
    classify: Classify, x: Tensor, y: Tensor, levels: int, space: Pixels, draws: int = 50
) -> Tensor:
    """Of `draws` random moves of each image, the one that `classify` gives its class y least."""
    worst, least = x, torch.full((len(x),), torch.inf, device=x.device)
    for _ in range(count("draws", draws)):
        tried = noise(x, levels, space)
        score = classify(tried).gather(1, y[:, None])[:, 0].float()
        lower = score < least
        worst = torch.where(lower.view(-1, *[1] * (x.dim() - 1)), tried, worst)
        least = torch.minimum(score, least)
    return worst
