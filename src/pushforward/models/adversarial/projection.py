"""Which noise draws this image? A generator is asked backwards, by descent.

    h* = argmin_h  |G(h) - x|^2 / dims + pull |h - h_0|^2 / numbers

h is what a generator has for handles: noise, or of a StyleGAN the styles of all layers (W+). It
begins at the best of many draws, and is pulled back to where it began, since what is far from all
draws need not mean anything. Images that were drawn come back; how far real ones are from the best
that can be drawn shows what a generator leaves out.

Image2StyleGAN (Abdal, Qin and Wonka, 2019), arXiv:1904.03189, section 4; Generative Visual
Manipulation on the Natural Image Manifold (Zhu et al., 2016), arXiv:1609.03552, eq. 5. Differs: the
distance is that of pixels, or of features where one passes them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ...core.spaces import count
from .gan import GAN

Features = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Projection:
    """What came nearest to images."""

    handles: Tensor
    """Of each image, (n, ...), as `model.painted` takes them."""
    floats: Tensor
    """The images that they draw, as the critic sees them."""
    errors: Tensor
    """The mean squared difference from what was asked for, (n,), in [-1, 1] of images."""


def project(
    model: GAN,
    x: Tensor,
    *conditions: Tensor,
    steps: int = 300,
    lr: float = 0.05,
    starts: int = 64,
    pull: float = 1e-3,
    features: Features | None = None,
) -> Projection:
    """The handles of `model` that draw the data x (n, ...) best.

    Args:
        model: in eval mode, grown to full size.
        x: data of its space.
        conditions: what it is told with each.
        steps: of Adam, whose rate falls to zero.
        lr: the rate that it begins with.
        starts: draws for each datum, of which the nearest begins.
        pull: how much being away from there costs.
        features: of floats (batch, ...), differentiable, to compare by; the floats where None.

    Raises ValueError for another kind of model, data of another space, or settings that are no
    counts.
    """
    if not isinstance(model, GAN):
        raise ValueError(
            f"only what a game's generator draws is projected, not what {type(model).__name__} does"
        )
    look = features or (lambda floats: floats)
    with torch.no_grad():
        target = model.floats(model.space.check(x))
        wanted = look(target).flatten(1)
        begun = _nearest(model, wanted, conditions, count("starts", starts), look)
    handles = begun.clone().requires_grad_()
    optimizer = torch.optim.Adam([handles], lr, betas=(0.9, 0.99))
    for step in range(count("steps", steps, 0)):
        optimizer.param_groups[0]["lr"] = lr * (1 - step / steps)
        with torch.enable_grad():
            off = (look(model.painted(handles, *conditions)).flatten(1) - wanted).square().mean(1)
            cost = off + pull * (handles - begun).square().flatten(1).mean(1)
            (handles.grad,) = torch.autograd.grad(cost.sum(), handles)
        optimizer.step()
    with torch.no_grad():
        floats = model.painted(handles, *conditions)
    errors = (floats - target).square().flatten(1).mean(1)
    return Projection(handles.detach(), floats, errors)


def _nearest(
    model: GAN, wanted: Tensor, conditions: tuple[Tensor, ...], starts: int, look: Features
) -> Tensor:
    """Of `starts` draws for each datum, the handles of that which is nearest."""
    best, least = None, torch.full((len(wanted),), torch.inf, device=wanted.device)
    for _ in range(starts):
        handles = model.handles(model.latents(len(wanted)), *conditions)
        off = (look(model.painted(handles, *conditions)).flatten(1) - wanted).square().mean(1)
        nearer = (off < least).view(-1, *[1] * (handles.dim() - 1))
        best = handles.clone() if best is None else torch.where(nearer, handles, best)
        least = torch.minimum(least, off)
    assert best is not None
    return best
